"""Global pooling: one number per channel from the whole map, (N, H, W, C) -> (N, C)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from poolscope.pooling.extremes import max_pool
from poolscope.pooling.norms import gem_pool, lse_pool
from poolscope.pooling.window_cells import widen


def global_avg_pool(x: jax.Array) -> jax.Array:
    """Mean of each channel (Lin, Chen & Yan 2014).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> global_avg_pool(x[None]).item()
        3.0
    """
    return widen(x).mean((1, 2)).astype(x.dtype)


def global_max_pool(x: jax.Array) -> jax.Array:
    """Largest cell of each channel; the gradient goes to the first of equals.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> global_max_pool(x[None]).item()
        6.0
    """
    return max_pool(x, x.shape[1:3])[:, 0, 0]


def global_gem_pool(x: jax.Array, p: float | jax.Array = 3.0, eps: float = 1e-6) -> jax.Array:
    """Generalised mean of each channel, (mean max(x, eps)^p)^(1/p) (Radenovic, Tolias & Chum 2018).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(global_gem_pool(x[None]).item(), 4)
        3.9791
    """
    return gem_pool(x, x.shape[1:3], p=p, eps=eps)[:, 0, 0]


def global_lse_pool(x: jax.Array, beta: float | jax.Array = 10.0) -> jax.Array:
    """Log-mean-exp of each channel, (1/beta) log mean exp(beta x) (Pinheiro & Collobert 2015).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> round(global_lse_pool(x[None], beta=1.0).item(), 4)
        4.6859
    """
    return lse_pool(x, x.shape[1:3], beta=beta)[:, 0, 0]


def global_avgmax_pool(x: jax.Array) -> jax.Array:
    """Half the sum of mean and maximum of each channel.

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> global_avgmax_pool(x[None]).item()
        4.5
    """
    return (0.5 * (widen(global_avg_pool(x)) + widen(global_max_pool(x)))).astype(x.dtype)


def global_catavgmax_pool(x: jax.Array) -> jax.Array:
    """Means, then maxima, of the channels: (N, 2 C).

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[..., None]
        >>> global_catavgmax_pool(x[None]).tolist()
        [[3.0, 6.0]]
    """
    return jnp.concatenate([global_avg_pool(x), global_max_pool(x)], axis=1)
