"""PyTorch, where it is installed: NCHW or channels last, eager or compiled, float32 or bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from poolscope.benchmarks import networks
from poolscope.benchmarks.networks import Network, sample_map

FORMATS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}


class Training:
    """An epoch a call; `losses` are the last epoch's.

    compiled: forward and backward by torch.compile. precision: float32, or bfloat16 by autocast.
    """

    def __init__(self, network: Network, layout: str, compiled: bool, precision: str) -> None:
        self.network = network
        self.autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
        images, labels = networks.make_batches(network)
        form = FORMATS[layout]
        maps = torch.from_numpy(images.transpose(0, 1, 4, 2, 3))
        self.batches = [
            (batch.contiguous(memory_format=form), truth)
            for batch, truth in zip(maps, torch.from_numpy(labels).long(), strict=True)
        ]
        self.model = _build(network).to(memory_format=form)
        self.compute_loss = torch.compile(self._compute_loss) if compiled else self._compute_loss
        self.optimiser = torch.optim.SGD(
            self.model.parameters(), lr=networks.LEARNING_RATE, momentum=networks.MOMENTUM, nesterov=True
        )

    def __call__(self) -> int:
        self.losses = []
        for images, labels in self.batches:
            self.optimiser.zero_grad()
            loss = self.compute_loss(images, labels)
            loss.backward()
            self.optimiser.step()
            self.losses.append(loss.detach())
        return self.network.steps * self.network.batch

    def _compute_loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with self.autocast:
            return functional.cross_entropy(self.model(images), labels)


def prepare_training(layout: str, compiled: bool = False, precision: str = "float32", **network: Any) -> Training:
    """The usual training loop."""
    return Training(networks.read_network(network), layout, compiled, precision)


def prepare_pool(
    operator: str, shape: list[int], window: int, stride: int, padding: str, backward: bool, layout: str
) -> Callable[[], int]:
    """max_pool2d or avg_pool2d; SAME becomes a padding of window // 2 on both sides, at stride 2 a shift by a pixel."""
    options: dict[str, Any] = {"count_include_pad": False} if (operator, padding) == ("avg", "SAME") else {}
    pool = getattr(functional, f"{operator}_pool2d")
    margin = window // 2 if padding == "SAME" else 0
    form = FORMATS[layout]
    x = torch.from_numpy(sample_map(tuple(shape)).transpose(0, 3, 1, 2)).contiguous(memory_format=form)
    x.requires_grad_(backward)
    size = pool(x, window, stride, margin, **options).shape
    drawn = sample_map((size[0], size[2], size[3], size[1]), seed=1)
    gradient = torch.from_numpy(drawn.transpose(0, 3, 1, 2)).contiguous(memory_format=form)

    def repeat() -> int:
        x.grad = None
        y = pool(x, window, stride, margin, **options)
        if backward:
            y.backward(gradient)
        repeat.results = (y, x.grad)[: 1 + backward]  # type: ignore[attr-defined]
        return shape[0]

    return repeat


def _build(network: Network) -> nn.Sequential:
    layers: list[nn.Module] = []
    weights = networks.draw_weights(network)
    *convs, head = weights.values()
    for values in convs:
        kernel = torch.from_numpy(values["kernel"].transpose(3, 2, 0, 1).copy())
        layers.append(_load(nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1), kernel))
        if network.norm == "batch":
            layers.append(nn.BatchNorm2d(kernel.shape[0]))
        layers += [nn.ReLU(), nn.MaxPool2d(2) if network.pool == "max" else nn.AvgPool2d(2)]
    side = [length // 2 ** len(network.filters) for length in network.shape[:2]]
    flat = head["kernel"].reshape(*side, -1, head["kernel"].shape[1]).transpose(2, 0, 1, 3)  # torch flattens C, H, W
    matrix = torch.from_numpy(flat.reshape(head["kernel"].shape).T.copy())
    return nn.Sequential(*layers, nn.Flatten(), _load(nn.Linear(matrix.shape[1], matrix.shape[0]), matrix))


def _load(layer: Any, weight: torch.Tensor) -> nn.Module:
    """A layer with these weights and a bias of zero."""
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()
    return layer
