"""The training of a run in PyTorch: `python -m poolscope.benchmarks.torch_run MODE key=value ...`.

From start to figures. MODE is eager, compiled (torch.compile) or bfloat16 (autocast), channels last in each. The
network, data, augmentation, optimiser and number of steps are those of `poolscope train` with the same overrides, for
pool=max and pool=avg; the code is what PyTorch's documentation has a user write. Prints the accuracies.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from poolscope.benchmarks.plain_data import draw_batches, normalise, read_run
from poolscope.data.splits import Split
from poolscope.spec.config import RunConfig

MODES = ("eager", "compiled", "bfloat16")


def build(config: RunConfig, channels: int, classes: int) -> nn.Sequential:
    """3x3 convolution, batch norm and ReLU in each block, a 2x2 pool after the first ones, mean, linear."""
    widths = [config.model.width * 2**block for block in range(config.model.blocks)]
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise([channels, *widths])):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        if number < config.model.pool_stages:
            layers.append(nn.MaxPool2d(2) if config.pool.name == "max" else nn.AvgPool2d(2))
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], classes))
    return model.to(memory_format=torch.channels_last)


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """NHWC images as a channels-last tensor, without a copy."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def train(mode: str, overrides: Sequence[str]) -> dict[str, float]:
    """Train seed 0 and return the accuracy on train_eval, val and test."""
    if mode not in MODES:
        raise ValueError(f"the mode must be one of {', '.join(MODES)}, not {mode}")
    torch.manual_seed(0)
    config, data = read_run(overrides)
    model = build(config, data.shape[2], data.classes)
    forward = torch.compile(model) if mode == "compiled" else model
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=mode == "bfloat16")
    settings = {"momentum": config.optim.momentum, "nesterov": config.optim.nesterov}
    optimiser = torch.optim.SGD(model.parameters(), lr=config.optim.learning_rate, **settings)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.train.steps or 1)
    for images, labels in draw_batches(config, data):
        optimiser.zero_grad()
        with autocast:
            loss = functional.cross_entropy(forward(to_tensor(images)), torch.from_numpy(labels).long())
        loss.backward()
        optimiser.step()
        schedule.step()
    forward.eval()

    @torch.no_grad()
    def evaluate(split: Split) -> float:
        right, size = [], config.train.eval_batch_size
        for at in range(0, len(split.labels), size):
            with autocast:
                classes = forward(to_tensor(normalise(split.images[at : at + size], data))).argmax(-1)
            right.append(classes.numpy() == split.labels[at : at + size])
        return float(np.concatenate(right).mean())

    return {"train_eval": evaluate(data.train_eval), "val": evaluate(data.val), "test": evaluate(data.test)}


if __name__ == "__main__":
    print(train(sys.argv[1], sys.argv[2:]))
