"""The CNN family as a Flax NNX module: images -> logits, and the activations before and after each pool.

The network follows its plan (`spec.plan.plan_network`). Modules are named (conv1, norm1, pool1, ..., head) and each
draws its initial values from a key made of the run's key and its own name, so that two arms of a comparison that differ
in their pooling share the initial weights of everything else, seed by seed.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from poolscope.kernels.convolution import fast_conv
from poolscope.pooling import HeadPool, make_pool
from poolscope.spec.config import RunConfig
from poolscope.spec.geometry import Pair, per_axis
from poolscope.spec.plan import Layer, Plan
from poolscope.training.initial import Drawing, he_normal, lecun_normal, zeros

Activations = dict[str, tuple[Array, Array]]  # before and after each pool

# As committed runs computed them: cells that tie share the gradient of the largest.
_HEADS = {"avg": lambda x: x.mean((1, 2)), "max": lambda x: x.max((1, 2))}


class ConvNet(nnx.Module):
    """Blocks of convolution, normalisation, ReLU and pooling, then a head, in the order of the plan.

    drawings: how layers are drawn that have a program for it, by name; networks of one plan share the same.
    """

    def __init__(self, config: RunConfig, plan: Plan, key: Array, drawings: dict[str, Drawing] | None = None) -> None:
        self.plan = plan
        drawings = {} if drawings is None else drawings
        self.head_kind = config.model.head
        self.grid = config.model.grid
        self.torus = config.model.conv_padding == "CIRCULAR"
        self.dtype = jnp.dtype(config.train.precision)
        shape = opened = plan.input
        for layer in plan.layers:
            channels = shape[2]
            opened = shape if layer.opens else opened
            key_of_layer = jax.random.fold_in(key, zlib.crc32(layer.name.encode()))
            rngs = nnx.Rngs(key_of_layer)
            if layer.kind == "conv":
                setattr(self, layer.name, _make_conv(config, layer, channels, self.dtype, rngs))
            elif layer.kind == "shortcut":
                setattr(self, layer.name, _make_conv(config, layer, opened[2], self.dtype, rngs))
            elif layer.kind in ("norm", "shortcut_norm"):
                setattr(self, layer.name, _make_norm(config.model.norm, channels, self.dtype, rngs))
            elif layer.kind == "pool":
                build = partial(_make_pool, config, layer, channels)
                setattr(self, layer.name, drawings.setdefault(layer.name, Drawing(build))(key_of_layer))
            elif layer.kind == "head_pool" and self.head_kind not in (*_HEADS, "flatten", "grid"):
                build = partial(_make_head, self.head_kind, shape)
                setattr(self, layer.name, drawings.setdefault(layer.name, Drawing(build))(key_of_layer))
            elif layer.kind == "hidden":
                units = layer.output[2]
                linear = nnx.Linear(
                    math.prod(shape), units, kernel_init=he_normal, bias_init=zeros, dtype=self.dtype, rngs=rngs
                )
                setattr(self, layer.name, linear)
            elif layer.kind == "dense":
                features = math.prod(plan.layers[-2].output)
                self.dropout = nnx.Dropout(config.model.dropout)
                self.head = nnx.Linear(
                    features, plan.classes, kernel_init=lecun_normal, bias_init=zeros, dtype=self.dtype, rngs=rngs
                )
            shape = layer.output

    def __call__(self, images: Array, *, train: bool, key: Array | None = None) -> tuple[Array, Activations]:
        """Return logits (N, classes) in float32 and the activations around each pool of normalised images (N, H, W, C).

        Activations: {"pool1": (before, after), ...}, each (N, h, w, channels) in the network's own precision.
        train: batch statistics, dropout and the random form of stochastic pooling; needs a key where any of them is
        random. Otherwise running statistics and each operator's deterministic form.
        """
        x = shortcut = images.astype(self.dtype)
        activations: Activations = {}
        for layer in self.plan.layers:
            module: Any = getattr(self, layer.name, None)
            shortcut = x if layer.opens else shortcut
            if layer.kind == "conv":
                x = module(_wrap(x, layer) if self.torus else x)
            elif layer.kind == "norm":
                x = _normalise(module, x, train)
            elif layer.kind == "shortcut":
                shortcut = module(_wrap(shortcut, layer) if self.torus else shortcut)
            elif layer.kind == "shortcut_norm":
                shortcut = _normalise(module, shortcut, train)
            elif layer.kind == "sum":
                x = x + shortcut[:, : x.shape[1], : x.shape[2]]  # an à-trous map may end before its last cells
            elif layer.kind == "relu":
                x = _rectify(x)
            elif layer.kind == "pool":
                pool = partial(module, rngs=_part(key, layer.name), deterministic=not train)
                pooled = _pool_torus(x, layer, pool) if self.torus else pool(x)
                activations[layer.name] = (x, pooled)
                x = pooled
            elif layer.kind == "head_pool":
                x = _pool_head(x, self.head_kind, self.grid) if module is None else module(x)
            elif layer.kind == "hidden":
                x = _rectify(module(x))
            elif layer.kind == "dense":
                x = self.dropout(x, deterministic=not train, rngs=_part(key, "dropout"))
                x = self.head(x)
        return x.astype(jnp.float32), activations


def _make_conv(config: RunConfig, layer: Layer, channels: int, dtype: jnp.dtype, rngs: nnx.Rngs) -> nnx.Conv:
    assert layer.window is not None
    return nnx.Conv(
        channels,
        layer.output[2],
        layer.window.size,
        strides=layer.window.stride,
        padding="VALID" if config.model.conv_padding == "CIRCULAR" else layer.window.padding,
        kernel_dilation=layer.window.dilation,
        kernel_init=he_normal,
        bias_init=zeros,
        dtype=dtype,
        conv_general_dilated=fast_conv,
        rngs=rngs,
    )


def _make_pool(config: RunConfig, layer: Layer, channels: int, key: Array) -> nnx.Module:
    assert layer.window is not None
    padding = "VALID" if config.model.conv_padding == "CIRCULAR" else layer.window.padding
    return make_pool(
        dataclasses.replace(config.pool, padding=padding),
        channels,
        rngs=nnx.Rngs(key),
        stride=layer.window.stride,
        dilation=layer.window.dilation,
    )


def _make_head(name: str, shape: tuple[int, int, int], key: Array) -> nnx.Module:
    return HeadPool(name, shape, rngs=nnx.Rngs(key))


def _make_norm(norm: str, channels: int, dtype: jnp.dtype, rngs: nnx.Rngs) -> nnx.Module:
    if norm == "batch":
        return nnx.BatchNorm(channels, momentum=0.9, dtype=dtype, rngs=rngs)
    if norm == "layer":
        return nnx.LayerNorm(channels, dtype=dtype, rngs=rngs)
    return nnx.GroupNorm(channels, num_groups=math.gcd(8, channels), dtype=dtype, rngs=rngs)


def _normalise(module: Any, x: Array, train: bool) -> Any:
    return module(x, use_running_average=not train) if isinstance(module, nnx.BatchNorm) else module(x)


def _rectify(x: Array) -> Array:
    """max(0, x), and NaN where x is NaN; XLA on CPU makes it 0 of jax.nn.relu before a mean, which hides divergence."""
    return jnp.where(x <= 0, jnp.zeros((), x.dtype), x)


def _wrap(x: Array, layer: Layer, margin: Pair = (0, 0)) -> Array:
    """A torus unrolled as far as the layer's padding, and `margin` strides more on every side."""
    assert layer.window is not None
    steps = [m * s for m, s in zip(margin, layer.window.stride, strict=True)]
    pads = [(a + step, b + step) for (a, b), step in zip(layer.window.pads(*x.shape[1:3]), steps, strict=True)]
    return jnp.pad(x, ((0, 0), *pads, (0, 0)), mode="wrap")


def _pool_torus(x: Array, layer: Layer, pool: Callable[[Array], Array]) -> Array:
    """The pool of a map without edges: its padding wraps around, and so does what it sees past its window."""
    assert layer.window is not None
    top, left = per_axis(lambda n, d, s: -(-n * d // s), layer.beyond, layer.window.dilation, layer.window.stride)
    height, width, _ = layer.output
    return pool(_wrap(x, layer, (top, left)))[:, top : top + height, left : left + width]


def _pool_head(x: Array, kind: str, grid: int) -> Array:
    if kind in _HEADS:
        return _HEADS[kind](x)
    if kind == "grid":
        rows, columns = (jnp.asarray(_grid_means(side, grid), x.dtype) for side in x.shape[1:3])
        x = jnp.einsum("gh,nhwc,kw->ngkc", rows, x, columns)
    return x.reshape(len(x), -1)


def _grid_means(side: int, grid: int) -> np.ndarray:
    """Adaptive average pooling, (grid, side): row i averages cells floor(i side / grid) to ceil((i+1) side / grid)."""
    cells = np.arange(side)
    rows = [(cells >= i * side // grid) & (cells < -(-(i + 1) * side // grid)) for i in range(grid)]
    return np.stack([row / row.sum() for row in rows])


def _part(key: Array | None, name: str) -> Array | None:
    return None if key is None else jax.random.fold_in(key, zlib.crc32(name.encode()))
