"""Means whose weights look at the window: detail-preserving pooling, eDSCW and AdaPool.

All are sum w_i x_i / sum w_i with w_i > 0, so each output lies between the smallest and largest cell of its window.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from poolscope.pooling.declare import operator
from poolscope.pooling.norms import check_gradient, soft_pool
from poolscope.pooling.window_cells import WindowCells, read_cells, reduce_cells, widen
from poolscope.spec.declaration import Choice, Learned, Real, Switch
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window


@operator(
    "dpp",
    order=20,
    family="weighted",
    summary="mean that preserves details: cells unlike the smoothed map weigh more",
    formula="sum w x / sum w, w = (q / mean q)^(e^sharpness / 2) + e^offset",
    source="Saeedan et al. 2018",
    recommended="where details matter: better than earlier pools on several sets and networks",
    options={
        "full": Switch(False, help="smooth with a learned filter instead of the window's mean"),
        "asymmetric": Switch(help="preserve bright details only"),
    },
    learned={
        "sharpness": Learned(("C",), "uniform", bound="C^-0.5"),
        "offset": Learned(("C",), "uniform", bound="C^-0.5"),
        "kernel": Learned((3, 3, "C"), "uniform", bound="1/3", when="full"),
        "bias": Learned(("C",), "uniform", bound="1/3", when="full"),
    },
    reads="max(k, 3*full)",
    macs="9*C*O*full",
)
def dpp_pool(
    x: Array,
    window: Window,
    *,
    sharpness: float | Array = 0.0,
    offset: float | Array = 0.0,
    asymmetric: bool = False,
    kernel: Array | None = None,
    bias: Array | None = None,
) -> Array:
    """Detail-preserving mean: cells that stand out from the smoothed map weigh more.

    w_i = (q_i / mean q)^(exp(sharpness) / 2) + exp(min(offset, 10)) with q_i = d_i^2 + 1e-3 and d_i = x_i - x~, or
    max(0, x_i - x~) if asymmetric. x~ is the window's mean (lite), or, given a kernel (3, 3, C) and bias (C,), a
    learned 3x3 filter around the window's middle cell (full). x: (N, H, W, C); sharpness, offset: numbers or (C,).
    The authors' fused kernel, unlike the paper, divides by the sum of q. Raises PoolscopeError if the kernel isn't
    (3, 3, C) or the window doesn't fit. (Saeedan et al. 2018.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(dpp_pool(x, 2, sharpness=1.0).item(), 4)
        3.9173
    """
    if kernel is not None and kernel.shape != (3, 3, x.shape[3]):
        raise PoolscopeError(f"dpp kernel must be {(3, 3, x.shape[3])}, not {tuple(kernel.shape)}.")
    smooth = None if kernel is None else _filter_middle(widen(x), window, kernel, bias)

    def mean(cells: WindowCells) -> Array:
        dtype = cells.values[0].dtype
        level = cells.mean(cells.values) if smooth is None else smooth
        details = [cell - level for cell in cells.values]
        squares = [jnp.square(jax.nn.relu(d) if asymmetric else d) + 1e-3 for d in details]
        typical = cells.mean(squares)
        power = jnp.exp(jnp.asarray(sharpness, dtype)) / 2
        floor = jnp.exp(jnp.minimum(jnp.asarray(offset, dtype), 10))
        weights = [jnp.exp(power * (jnp.log(square) - jnp.log(typical))) + floor for square in squares]
        return cells.sum(w * cell for w, cell in zip(weights, cells.values, strict=True)) / cells.sum(weights)

    return reduce_cells(x, window, mean)


def _filter_middle(x: Array, window: Window, kernel: Array, bias: Array | None) -> Array:
    """A 3x3 depthwise filter around each window's cell (k - 1) // 2, zero outside the map."""
    height, width = x.shape[1:3]
    pads, outs = window.pads(height, width), window.output(height, width)
    starts, ends = [], []
    for k, s, d, pad, out, n in zip(
        window.size, window.stride, window.dilation, pads, outs, (height, width), strict=True
    ):
        start = d * ((k - 1) // 2 - 1) - pad[0]
        starts.append(start)
        ends.append(start + (out - 1) * s + 2 * d - (n - 1))
    shifted = jax.lax.pad(
        x,
        jnp.zeros((), x.dtype),
        ((0, 0, 0), (-starts[0], ends[0], 0), (-starts[1], ends[1], 0), (0, 0, 0)),
    )
    inner = read_cells(shifted, Window((3, 3), window.stride, "VALID", window.dilation))
    total = inner.sum(w * cell for w, cell in zip(kernel.astype(x.dtype).reshape(9, -1), inner.values, strict=True))
    return total if bias is None else total + bias.astype(x.dtype)


@operator(
    "edscw",
    order=21,
    family="weighted",
    summary="mean weighted by similarity to the window's mean",
    formula="sum softmax(DSC(x, mean)) x",
    source="Stergiou & Poppe 2023",
    recommended="as a half of ada",
    options={
        "gradient": Choice(
            help="full, or truncated (constant weights, as the authors' kernels)", choices=("full", "truncated")
        )
    },
)
def edscw_pool(x: Array, window: Window, *, gradient: str = "full") -> Array:
    """Mean weighted by similarity to the window's mean m: w = softmax(DSC), DSC_i = 2 |x_i m| / (x_i^2 + m^2).

    x: (N, H, W, C). DSC lies in [0, 1] (1 where both are 0), so weights differ by a factor e at most.
    gradient="truncated" holds the weights constant, as the authors' kernel does. Raises PoolscopeError on another
    gradient or a window that doesn't fit. (Stergiou & Poppe 2023, AdaPool.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(edscw_pool(x, 2).item(), 4)
        3.0555
    """
    pass_weights = check_gradient("edscw", gradient)

    def mean(cells: WindowCells) -> Array:
        top = cells.top([jnp.abs(cell) for cell in cells.values])
        scale = 1 / jnp.where(top >= jnp.finfo(top.dtype).tiny, top, 1)
        scaled = [cell * scale for cell in cells.values]
        middle = cells.mean(scaled)
        scores = []
        for cell in scaled:
            squares = cell**2 + middle**2
            nonzero = squares > 0
            scores.append(jnp.where(nonzero, 2 * jnp.abs(cell * middle) / jnp.where(nonzero, squares, 1), 1))
        weights = pass_weights([jnp.exp(score) for score in scores])
        return cells.sum(w * cell for w, cell in zip(weights, cells.values, strict=True)) / cells.sum(weights)

    return reduce_cells(x, window, mean)


@operator(
    "em",
    order=22,
    family="weighted",
    summary="exponential-maximum half of AdaPool: soft at beta 1",
    formula="sum softmax(x) x",
    source="Stergiou & Poppe 2023",
    recommended="as a half of ada",
    options={
        "gradient": Choice(
            help="full, or truncated (constant weights, as the authors' kernels)", choices=("full", "truncated")
        )
    },
)
def em_pool(x: Array, window: Window, *, gradient: str = "full") -> Array:
    """The exponential-maximum half of AdaPool, which is `soft_pool` at beta 1 (Stergiou & Poppe 2023).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(em_pool(x, 2).item(), 4)
        5.7615
    """
    return soft_pool(x, window, gradient=gradient)


@operator(
    "ada",
    order=23,
    family="weighted",
    summary="AdaPool: learned blend of edscw and em",
    formula="alpha edscw + (1 - alpha) em",
    source="Stergiou & Poppe 2023",
    recommended="to keep details in classification, detection and video: better throughout, at a little more "
    "time and memory",
    options={
        "alpha": Real(help="initial share of edscw", least=0, most=1),
        "learn": Switch(True, help="learn the operator's own numbers by gradient descent"),
        "gradient": Choice(
            help="full, or truncated (constant weights, as the authors' kernels)", choices=("full", "truncated")
        ),
    },
    learned={"alpha": Learned(initial="option")},
)
def ada_pool(x: Array, window: Window, *, alpha: float | Array = 0.5, gradient: str = "full") -> Array:
    """AdaPool, y = alpha eDSCW + (1 - alpha) eM.

    x: (N, H, W, C); alpha: a number, (C,), or the paper's one per position (out_h, out_w, 1). Raises PoolscopeError on
    an unknown gradient or a window that doesn't fit. (Stergiou & Poppe 2023.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(ada_pool(x, 2, alpha=0.5).item(), 4)
        4.4085
    """
    wide = widen(x)
    share = jnp.asarray(alpha, wide.dtype)
    blended = share * edscw_pool(wide, window, gradient=gradient) + (1 - share) * em_pool(
        wide, window, gradient=gradient
    )
    return blended.astype(x.dtype)
