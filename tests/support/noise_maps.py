"""White noise, operators on it, and what is known of their outputs."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from compiled_pools import compile_call
from scipy.special import erf


def pool_maps(operator: Callable, images: np.ndarray, window: int, stride: int | None = None, **options) -> np.ndarray:
    """An operator on maps, with float64 results."""
    pooled = compile_call(operator)(jnp.asarray(images, jnp.float32), window, stride, **options)
    return np.asarray(pooled, np.float64)


def stride1_maps(operator: Callable, images: np.ndarray, window: int, **options) -> np.ndarray:
    """The operator at stride 1 with wrapped edges; 8 spare cells keep any edge rule of its own out."""
    height, width = images.shape[1:3]
    wrapped = np.pad(images, ((0, 0), (8, 8 + window - 1), (8, 8 + window - 1), (0, 0)), mode="wrap")
    return pool_maps(operator, wrapped, window, 1, **options)[:, 8 : 8 + height, 8 : 8 + width]


def noise(n: int, side: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    """White noise (n, side, side, channels) of variance 1."""
    return np.random.default_rng(seed).standard_normal((n, side, side, channels)).astype(np.float32)


def max_variance(count: int) -> float:
    """Variance of the maximum of `count` standard normals, by numerical integration."""
    x = np.linspace(-9, 9, 20001)
    density = count * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * ((1 + erf(x / math.sqrt(2))) / 2) ** (count - 1)
    step = x[1] - x[0]
    mean = (x * density).sum() * step
    return float((x**2 * density).sum() * step - mean**2)
