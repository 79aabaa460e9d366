"""Plain Flax NNX, as its documentation writes a network, a training step and a pool."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array, lax

from poolscope.benchmarks import networks
from poolscope.benchmarks.networks import Network, sample_map
from poolscope.kernels.freed_memory import keep_freed_memory

State = Any


class CNN(nnx.Module):
    """The reference network."""

    def __init__(self, network: Network, *, rngs: nnx.Rngs) -> None:
        weights = networks.draw_weights(network)
        ends = [network.shape[2], *network.filters]
        self.convs = nnx.List(nnx.Conv(i, o, kernel_size=(3, 3), rngs=rngs) for i, o in pairwise(ends))
        normed = network.norm == "batch"
        self.norms = nnx.List(nnx.BatchNorm(o, momentum=0.9, rngs=rngs) for o in network.filters if normed)
        self.pool = nnx.max_pool if network.pool == "max" else nnx.avg_pool
        self.linear = nnx.Linear(*weights["head"]["kernel"].shape, rngs=rngs)
        layers: tuple[Any, ...] = (*self.convs, self.linear)
        for layer, values in zip(layers, weights.values(), strict=True):
            layer.kernel[...], layer.bias[...] = jnp.asarray(values["kernel"]), jnp.asarray(values["bias"])

    def __call__(self, x: Array) -> Array:
        """Logits of images (N, H, W, C)."""
        for number, conv in enumerate(self.convs):
            x = conv(x)
            if self.norms:
                x = self.norms[number](x)
            with jax.numpy_dtype_promotion("standard"):  # Flax divides an average by a whole number
                x = self.pool(nnx.relu(x), window_shape=(2, 2), strides=(2, 2))
        return self.linear(x.reshape(x.shape[0], -1))


def loss_fn(model: CNN, images: Array, labels: Array) -> Array:
    """Mean cross-entropy."""
    return optax.softmax_cross_entropy_with_integer_labels(model(images), labels).mean()


@nnx.jit
def train_step(model: CNN, optimizer: nnx.Optimizer, images: Array, labels: Array) -> Array:
    """One step, in place."""
    loss, grads = nnx.value_and_grad(loss_fn)(model, images, labels)
    optimizer.update(model, grads)
    return loss


@partial(jax.jit, static_argnums=0)
def train_epoch(graph: Any, state: State, images: Array, labels: Array) -> tuple[State, Array]:
    """The same step in lax.scan, over all batches."""

    def body(state: State, batch: tuple[Array, Array]) -> tuple[State, Array]:
        model, optimizer = nnx.merge(graph, state)
        loss, grads = nnx.value_and_grad(loss_fn)(model, *batch)
        optimizer.update(model, grads)
        return nnx.state((model, optimizer)), loss

    return lax.scan(body, state, (images, labels))


class Training:
    """An epoch a call; `losses` are the last epoch's."""

    def __init__(self, network: Network, loop: str) -> None:
        self.network, self.loop = network, loop
        self.images, self.labels = map(jnp.asarray, networks.make_batches(network))
        self.batches = list(zip(self.images, self.labels, strict=True))
        self.model = CNN(network, rngs=nnx.Rngs(0))
        self.optimizer = nnx.Optimizer(
            self.model, optax.sgd(networks.LEARNING_RATE, networks.MOMENTUM, nesterov=True), wrt=nnx.Param
        )
        self.graph, self.state = nnx.split((self.model, self.optimizer))

    def __call__(self) -> int:
        if self.loop == "scan":
            self.state, self.losses = train_epoch(self.graph, self.state, self.images, self.labels)
        else:
            self.losses = [train_step(self.model, self.optimizer, *batch) for batch in self.batches]
        jax.block_until_ready(self.losses)
        return self.network.steps * self.network.batch


def prepare_training(loop: str, **network: Any) -> Training:
    """A training loop: "step" or "scan"."""
    return Training(networks.read_network(network), loop)


def prepare_pool(
    operator: str, shape: list[int], window: int, stride: int, padding: str, backward: bool
) -> Callable[[], int]:
    """nnx.max_pool or nnx.avg_pool (lax.reduce_window), forward, or forward and backward."""
    keep_freed_memory()  # as the contender has it, so that the ratio is the operator's own
    options: dict[str, Any] = {"count_include_pad": False} if (operator, padding) == ("avg", "SAME") else {}

    def pool(x: Array) -> Array:
        with jax.numpy_dtype_promotion("standard"):  # Flax divides by a whole number
            return getattr(nnx, f"{operator}_pool")(x, (window, window), (stride, stride), padding, **options)

    return time_pool(pool, tuple(shape), backward)


def time_pool(pool: Callable[[Array], Array], shape: tuple[int, ...], backward: bool) -> Callable[[], int]:
    """A compiled operator on a feature map; returns the number of images."""
    x = jnp.asarray(sample_map(shape))
    gradient = jnp.asarray(sample_map(jax.eval_shape(pool, x).shape, seed=1))

    def forward_backward(x: Array, gradient: Array) -> tuple[Array, Array]:
        y, pull = jax.vjp(pool, x)
        return y, pull(gradient)[0]

    compiled = jax.jit(forward_backward) if backward else jax.jit(lambda x, _: (pool(x),))

    def repeat() -> int:
        repeat.results = jax.block_until_ready(compiled(x, gradient))  # type: ignore[attr-defined]
        return shape[0]

    return repeat
