"""Means between average and maximum: power means, log-sum-exp and the softmax-weighted mean.

Powers and exponentials are taken relative to the window's largest term, which is a constant to the gradient because
the result doesn't depend on it; so +-1e4 inputs neither overflow nor vanish.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from poolscope.pooling.declare import operator
from poolscope.pooling.window_cells import WindowCells, check_number, reduce_cells
from poolscope.spec.declaration import Choice, Learned, Real, Switch
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "lp",
    order=3,
    family="norms",
    summary="Lp norm of the window",
    formula="(sum |x|^p)^(1/p)",
    source="Sermanet et al. 2012",
    recommended="with features of several stages: the best of its time on SVHN, 95.1 %",
    options={"p": Real(help="exponent", least=1, most=1000)},
    gain="K^(1/p)",
)
def lp_pool(x: Array, window: Window, *, p: float | Array = 2.0) -> Array:
    """Lp norm of each window, y = (sum |x_i|^p)^(1/p), p >= 1; its gain on a constant is K^(1/p).

    x: (N, H, W, C). The gradient of an all-zero window is 0. Raises PoolscopeError if p < 1 or the window doesn't fit.
    (Sermanet et al. 2012.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(lp_pool(x, 2, p=2.0).item(), 4)
        7.0711
    """
    check_number("lp", "p", p, lambda value: 1 <= value < float("inf"), "a finite number of at least 1")

    def norm(cells: WindowCells) -> Array:
        top = cells.top(cells.values)
        positive = top >= jnp.finfo(top.dtype).tiny
        scale = jnp.where(positive, top, 1)
        total = cells.sum(_power(size * (1 / scale), p) for size in cells.values)
        return jnp.where(positive, scale * _power(jnp.where(positive, total, 1), 1 / p), 0)

    return reduce_cells(jnp.abs(x), window, norm, symmetric=True)


@operator(
    "gem",
    order=4,
    family="norms",
    summary="generalised (power) mean, exponent fixed or learned",
    formula="(mean max(x, eps)^p)^(1/p)",
    source="Radenovic, Tolias & Chum 2018",
    recommended="as a trainable layer before the descriptor of an image, where it raised retrieval over max and "
    "average",
    options={
        "p": Real(help="exponent", least=0, open=True, most=1000),
        "eps": Real(help="smallest value let in", least=0, open=True, most=1e6),
        "learn": Switch(False, help="learn the operator's own numbers by gradient descent"),
    },
    learned={"p": Learned(initial="option", above=1.0)},
)
def gem_pool(x: Array, window: Window, *, p: float | Array = 3.0, eps: float = 1e-6) -> Array:
    """Generalised mean of each window, y = (mean max(x_i, eps)^p)^(1/p), p > 0.

    x: (N, H, W, C); p: a number or one per channel (C,). Cells at or below eps get no gradient. Raises PoolscopeError
    if p or eps isn't above 0 or the window doesn't fit. (Radenovic, Tolias & Chum 2018.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(gem_pool(x, 2, p=3.0).item(), 4)
        3.9791
    """
    check_number("gem", "p", p, lambda value: 0 < value < float("inf"), "a finite number above 0")
    check_number("gem", "eps", eps, lambda value: 0 < value < float("inf"), "a finite number above 0")

    def mean(cells: WindowCells) -> Array:
        scale = cells.top(cells.values)
        return scale * _power(cells.mean(_power(cell * (1 / scale), p) for cell in cells.values), 1 / p)

    clamped = jnp.maximum(x, jnp.asarray(eps, x.dtype))
    return reduce_cells(clamped, window, mean, symmetric=True)


@operator(
    "lse",
    order=5,
    family="norms",
    summary="log-mean-exp, between average and max, sharpness fixed or learned",
    formula="(1/beta) log mean exp(beta x)",
    source="Boureau, Ponce & LeCun 2010",
    options={
        "beta": Real(help="sharpness", least=-1e6, most=1e6, nonzero=True),
        "learn": Switch(False, help="learn the operator's own numbers by gradient descent"),
    },
    learned={"beta": Learned(initial="option", above=0.0)},
)
def lse_pool(x: Array, window: Window, *, beta: float | Array = 10.0) -> Array:
    """Log-mean-exp of each window, y = (1/beta) log mean exp(beta x_i): average at beta -> 0, max at infinity.

    x: (N, H, W, C); beta: a number or one per channel (C,); below 0 it leans to the minimum. Raises PoolscopeError if
    beta is 0 or the window doesn't fit. (Boureau, Ponce & LeCun 2010.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(lse_pool(x, 2, beta=1.0).item(), 4)
        4.6859
    """
    check_number("lse", "beta", beta, lambda value: value != 0 and abs(value) < float("inf"), "finite and not 0")

    def mean(cells: WindowCells) -> Array:
        scores = [_like(beta, cell) * cell for cell in cells.values]
        weights = cells.softmax(scores)
        return (cells.top(scores) + jnp.log(cells.mean(weights))) / _like(beta, scores[0])

    return reduce_cells(x, window, mean, symmetric=True)


@operator(
    "soft",
    order=6,
    family="norms",
    summary="mean weighted by the softmax of the window",
    formula="sum softmax(beta x) x",
    source="Stergiou, Poppe & Kalliatakis 2021",
    recommended="to lose less than max or average at little cost: higher accuracy on ImageNet and in video with "
    "pools exchanged for it",
    also="em: beta=1",
    options={
        "beta": Real(help="sharpness", least=-1e6, most=1e6),
        "gradient": Choice(
            help="full, or truncated (constant weights, as the authors' kernels)", choices=("full", "truncated")
        ),
    },
)
def soft_pool(x: Array, window: Window, *, beta: float | Array = 1.0, gradient: str = "full") -> Array:
    """Softmax-weighted mean of each window, y = sum w_i x_i with w = softmax(beta x), per channel.

    x: (N, H, W, C). gradient="full" is the exact w_i (1 + beta (x_i - y)); "truncated" holds the weights constant, as
    the authors' CUDA kernel does. Their CPU fallback, which shares weights over channels, is not the paper's operator.
    Raises PoolscopeError on another gradient or a window that doesn't fit. (Stergiou, Poppe & Kalliatakis 2021.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(soft_pool(x, 2).item(), 4)
        5.7615
    """
    check_number("soft", "beta", beta, lambda value: abs(value) < float("inf"), "finite")
    pass_weights = check_gradient("soft", gradient)

    def mean(cells: WindowCells) -> Array:
        weights = pass_weights(cells.softmax([_like(beta, cell) * cell for cell in cells.values]))
        return cells.sum(w * cell for w, cell in zip(weights, cells.values, strict=True)) / cells.sum(weights)

    return reduce_cells(x, window, mean, symmetric=True)


def check_gradient(operator: str, gradient: str) -> Any:
    """What to do with weights that depend on x: nothing ("full") or hold them constant ("truncated")."""
    if gradient not in ("full", "truncated"):
        raise PoolscopeError(f"{operator} gradient must be full or truncated, not {gradient!r}.")
    return lax.stop_gradient if gradient == "truncated" else lambda weights: weights


def _power(x: Array, p: float | Array) -> Array:
    """x^p for x >= 0 and p > 0, by multiplications where p is whole; exp and log vectorise, XLA's power does not."""
    if isinstance(p, (int, float)) and float(p).is_integer():
        return x ** int(p)
    positive = x > 0
    return jnp.where(positive, jnp.exp(_like(p, x) * jnp.log(jnp.where(positive, x, 1))), 0)


def _like(number: float | Array, x: Array) -> Array:
    return jnp.asarray(number, x.dtype)
