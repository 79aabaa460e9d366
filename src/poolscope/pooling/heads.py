"""Global pooling: from the whole map to a vector, (N, H, W, C) -> (N, features), without parameters.

Heads that learn stand in `pooling.attention`.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from poolscope.pooling.declare import head
from poolscope.pooling.grids import adaptive_max_pool
from poolscope.pooling.max_min import max_pool
from poolscope.pooling.norms import gem_pool, lse_pool
from poolscope.pooling.window_cells import widen

head("flatten", summary="all cells", formula="x", source="LeCun et al. 1998", features="H*W*C")
head(
    "grid",
    summary="means of a fixed grid (model.grid)",
    formula="mean over [i H / g, (i + 1) H / g)",
    source="Paszke et al. 2019",
    features="grid^2*C",
)


@head("avg", summary="mean of each channel", formula="mean x", source="Lin, Chen & Yan 2014")
def global_avg_pool(x: Array) -> Array:
    """Mean of each channel (Lin, Chen & Yan 2014).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> global_avg_pool(x[None]).item()
        3.0
    """
    return widen(x).mean((1, 2)).astype(x.dtype)


@head("max", summary="largest cell of each channel", formula="max x", source="Oquab et al. 2015")
def global_max_pool(x: Array) -> Array:
    """Largest cell of each channel; the gradient goes to the first of equals.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> global_max_pool(x[None]).item()
        6.0
    """
    return max_pool(x, x.shape[1:3])[:, 0, 0]


@head(
    "gem",
    summary="generalised mean of each channel, p = 3",
    formula="(mean max(x, eps)^p)^(1/p)",
    source="Radenovic, Tolias & Chum 2018",
)
def global_gem_pool(x: Array, p: float | Array = 3.0, eps: float = 1e-6) -> Array:
    """Generalised mean of each channel, (mean max(x, eps)^p)^(1/p) (Radenovic, Tolias & Chum 2018).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(global_gem_pool(x[None]).item(), 4)
        3.9791
    """
    return gem_pool(x, x.shape[1:3], p=p, eps=eps)[:, 0, 0]


@head(
    "lse",
    summary="log-mean-exp of each channel, beta = 10",
    formula="(1/beta) log mean exp(beta x)",
    source="Pinheiro & Collobert 2015",
)
def global_lse_pool(x: Array, beta: float | Array = 10.0) -> Array:
    """Log-mean-exp of each channel, (1/beta) log mean exp(beta x) (Pinheiro & Collobert 2015).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(global_lse_pool(x[None], beta=1.0).item(), 4)
        4.6859
    """
    return lse_pool(x, x.shape[1:3], beta=beta)[:, 0, 0]


@head(
    "avgmax",
    summary="half the sum of mean and maximum of each channel",
    formula="(mean x + max x) / 2",
    source="timm",
)
def global_avgmax_pool(x: Array) -> Array:
    """Half the sum of mean and maximum of each channel.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> global_avgmax_pool(x[None]).item()
        4.5
    """
    return (0.5 * (widen(global_avg_pool(x)) + widen(global_max_pool(x)))).astype(x.dtype)


@head(
    "catavgmax",
    summary="mean and maximum of each channel",
    formula="mean x, max x",
    source="timm",
    features="2*C",
)
def global_catavgmax_pool(x: Array) -> Array:
    """Means, then maxima, of the channels: (N, 2 C).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> global_catavgmax_pool(x[None]).tolist()
        [[3.0, 6.0]]
    """
    return jnp.concatenate([global_avg_pool(x), global_max_pool(x)], axis=1)


@head(
    "pyramid",
    summary="maxima of grids of 1x1, 2x2 and 4x4 bins (spatial pyramid pooling)",
    formula="max over [i H / n, (i + 1) H / n), n = 1, 2, 4",
    source="He et al. 2014",
    features="21*C",
)
def spatial_pyramid_pool(x: Array, levels: tuple[int, ...] = (1, 2, 4)) -> Array:
    """Spatial pyramid pooling: maxima over n x n bins of the map for each n of levels, (N, sum n^2 C).

    Bin i of n on an axis of H covers cells floor(i H / n) to ceil((i + 1) H / n) - 1, so that maps of any size give
    vectors of one length. Level by level, bins row by row, channels last. (He et al. 2014. The paper claims better
    accuracy than with one fixed size, most of it by several levels; not measured here.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> spatial_pyramid_pool(x[None], levels=(1, 2)).tolist()
        [[6.0, 1.0, 2.0, 3.0, 6.0]]
    """
    return jnp.concatenate([adaptive_max_pool(x, n).reshape(len(x), -1) for n in levels], axis=1)


@head(
    "bilinear",
    summary="products of every two channels, rooted and normalised",
    formula="g / |g|, g = signed root of mean x x^T",
    source="Lin, RoyChowdhury & Maji 2015",
    features="C*C",
)
def bilinear_pool(x: Array, eps: float = 1e-6) -> Array:
    """Bilinear pooling of a map with itself: G = mean over cells of x x^T, signed root, L2 norm 1; (N, C^2).

    The signed root is G / sqrt(|G| + eps), whose derivative at 0 is finite. The paper sums over cells, which the norm
    takes back but for eps. (Lin, RoyChowdhury & Maji 2015. The paper claims better accuracy than fully connected
    layers on fine-grained classes; not measured here.)

    Example:
        >>> x = jnp.array([[3.0, 4.0]])[None, None]
        >>> [round(value**2 * 49, 2) for value in bilinear_pool(x)[0].tolist()]
        [9.0, 12.0, 12.0, 16.0]
    """
    cells = widen(x).reshape(len(x), -1, x.shape[3])
    products = jnp.einsum("nlc,nld->ncd", cells, cells, precision="highest") / cells.shape[1]
    rooted = (products * jax.lax.rsqrt(jnp.abs(products) + eps)).reshape(len(x), -1)
    return (rooted * jax.lax.rsqrt(jnp.sum(rooted**2, axis=1, keepdims=True) + eps)).astype(x.dtype)


@head(
    "covariance",
    summary="matrix root of the covariance of the channels (iSQRT-COV)",
    formula="upper triangle of (mean x x^T - m m^T)^(1/2)",
    source="Li et al. 2018",
    features="C*(C + 1)/2",
)
def covariance_pool(x: Array, iterations: int = 5) -> Array:
    """Covariance pooling: the upper triangle of the square root of the channels' covariance, (N, C (C + 1) / 2).

    The root by a coupled Newton-Schulz iteration: A = S / tr S, Y = A, Z = I; T = (3 I - Z Y) / 2, Y = Y T, Z = T Z; S
    is the covariance over cells and sqrt(tr S) Y the root, exact as iterations grow. The paper first narrows the map to
    256 channels by a 1x1 convolution: choose the last block's width instead. A map of equal cells gives 0. (Li et al.
    2018; Wang et al. 2020. The papers claim better accuracy than global averages on ImageNet; not measured here.)

    Example:
        >>> x = jnp.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 3.0], [0.0, -3.0]])[None, None]
        >>> [round(value, 3) for value in covariance_pool(x, iterations=15)[0].tolist()]  # variances 2 and 4.5
        [1.414, 0.0, 2.121]
    """
    cells = widen(x).reshape(len(x), -1, x.shape[3])
    centred = cells - cells.mean(1, keepdims=True)
    product = partial(jnp.matmul, precision="highest")
    covariance = product(centred.mT, centred) / cells.shape[1]
    trace = jnp.trace(covariance, axis1=1, axis2=2)[:, None, None]
    nonzero = jnp.where(trace == 0, 1, trace)
    unit = jnp.eye(x.shape[3], dtype=cells.dtype)
    root, inverse = covariance / nonzero, jnp.broadcast_to(unit, covariance.shape)
    for _ in range(iterations):
        step = 1.5 * unit - 0.5 * product(inverse, root)
        root, inverse = product(root, step), product(step, inverse)
    rows, columns = np.triu_indices(x.shape[3])
    return (jnp.sqrt(nonzero) * root)[:, rows, columns].astype(x.dtype)
