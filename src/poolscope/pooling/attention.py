"""Global pooling that learns: attention to a map's cells, and soft assignment to centres.

Cells are tokens: a map (N, H, W, C) is (N, L, C) with L = H W. Attention has one head for every 64 channels, at least
one: a = softmax(q k^T / sqrt(width of a head)), y = a v. Weights multiply from the right.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from poolscope.pooling.declare import head
from poolscope.pooling.window_cells import widen
from poolscope.spec.declaration import Learned

HEAD_WIDTH = 64  # channels


@head(
    "attention",
    summary="attention of the mean to cells and mean, with learned positions (CLIP's AttentionPool2d)",
    formula="softmax(q k^T) v, q = W (mean + p)",
    source="Radford et al. 2021",
    learned={
        "positions": Learned(("H*W + 1", "C"), "uniform", bound="(3/C)^0.5"),
        "weights": Learned((4, "C", "C"), "uniform", bound="(3/C)^0.5"),
        "biases": Learned((4, "C")),
    },
)
def attention_pool(x: Array, positions: Array, weights: Array, biases: Array) -> Array:
    """Attention of the map's mean to all of its cells and to itself, as CLIP's residual networks end.

    Tokens are the mean, then the cells, plus positions (H W + 1, C); the first token asks. weights (4, C, C) and biases
    (4, C): of query, key, value and output. The output is as wide as the map. (Radford et al. 2021, who make no claim
    for this head alone; not measured here.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[None, ..., None]
        >>> blind = jnp.array([0.0, 0.0, 1.0, 1.0])[:, None, None]  # query and key see nothing: the tokens' mean
        >>> attention_pool(x, jnp.zeros((5, 1)), blind, jnp.zeros((4, 1))).item()
        3.0
    """
    tokens = widen(x).reshape(len(x), -1, x.shape[3])
    tokens = jnp.concatenate([tokens.mean(1, keepdims=True), tokens], axis=1) + positions.astype(tokens.dtype)
    return _project_and_attend(tokens[:, 0], tokens, weights, biases).astype(x.dtype)


@head(
    "simpool",
    summary="attention of the mean to cells, generalised mean of what it sees (SimPool)",
    formula="(sum a v^2)^(1/2), a = softmax(q k^T), v = norm x - min",
    source="Psomas et al. 2023",
    learned={
        "query": Learned(("C", "C"), "uniform", bound="(3/C)^0.5"),
        "key": Learned(("C", "C"), "uniform", bound="(3/C)^0.5"),
        "scale": Learned(("C",), "ones"),
        "shift": Learned(("C",)),
    },
)
def sim_pool(x: Array, query: Array, key: Array, scale: Array, shift: Array, gamma: float = 2.0) -> Array:
    """SimPool: y = (sum_i a_i v_i^gamma)^(1/gamma), a the attention of the mean to every cell, softmax(q k^T / sqrt C).

    q = mean(x) query, k = n key with n the layer-normalised cells (scale, shift: (C,)), and v = n less its smallest
    value in each channel, plus 1e-6; query, key: (C, C), without biases. gamma = 2 is the paper's for convolutional
    networks. (Psomas et al. 2023. The paper claims better accuracy than global averages, and maps of attention that
    follow objects; not measured here.)

    Example:
        >>> x = jnp.array([[1.0, 3.0], [3.0, 1.0]])[None, None]  # two cells, normalised (-1, 1) and (1, -1)
        >>> nothing = jnp.zeros((2, 2))
        >>> [round(value, 3) for value in sim_pool(x, nothing, nothing, jnp.ones(2), jnp.zeros(2))[0].tolist()]
        [1.414, 1.414]
    """
    cells = widen(x).reshape(len(x), -1, x.shape[3])
    centred = cells - cells.mean(2, keepdims=True)
    normed = centred * jax.lax.rsqrt(jnp.square(centred).mean(2, keepdims=True) + 1e-6)
    normed = normed * scale.astype(cells.dtype) + shift.astype(cells.dtype)
    asked, keys = cells.mean(1) @ query.astype(cells.dtype), normed @ key.astype(cells.dtype)
    values = normed - normed.min(1, keepdims=True) + 1e-6
    return (attend(asked, keys, values**gamma, heads=1) ** (1 / gamma)).astype(x.dtype)


@head(
    "latent",
    summary="attention of a learned query to cells, then a residual network (timm's AttentionPoolLatent)",
    formula="z + mlp(z), z = W softmax(q k^T) v, q learned",
    source="Lee et al. 2019",
    learned={
        "latent": Learned(("C",), "uniform", bound="(3/C)^0.5"),
        "weights": Learned((4, "C", "C"), "uniform", bound="(3/C)^0.5"),
        "biases": Learned((4, "C")),
        "up": Learned(("C", 4, "C"), "uniform", bound="(3/C)^0.5"),
        "up_bias": Learned((4, "C")),
        "down": Learned((4, "C", "C"), "uniform", bound="(3/(4*C))^0.5"),
        "down_bias": Learned(("C",)),
    },
)
def latent_pool(
    x: Array,
    latent: Array,
    weights: Array,
    biases: Array,
    up: Array,
    up_bias: Array,
    down: Array,
    down_bias: Array,
) -> Array:
    """Attention of a learned query to the cells, then z + mlp(z) with one hidden layer of 4 C units (GELU).

    latent: (C,); weights (4, C, C) and biases (4, C): of query, key, value and output; up: (C, 4, C), down:
    (4, C, C), with biases (4, C) and (C,).
    timm's `AttentionPoolLatent` at its defaults (one query, no normalisation, no positions), but for its eight heads.
    (Lee et al. 2019, pooling by multi-head attention. The paper claims better results than means and maxima on sets;
    not measured here.)

    Example:
        >>> x = jnp.array([[1.0, 2.0], [3.0, 6.0]])[None, ..., None]
        >>> blind, none = jnp.array([0.0, 0.0, 1.0, 1.0])[:, None, None], jnp.zeros((4, 1))
        >>> latent_pool(x, none[0], blind, none, none[None], none, none[..., None], none[0]).item()
        3.0
    """
    cells = widen(x).reshape(len(x), -1, x.shape[3])
    asked = jnp.broadcast_to(latent.astype(cells.dtype), (len(x), x.shape[3]))
    seen = _project_and_attend(asked, cells, weights, biases)
    hidden = jnp.einsum("nc,cmd->nmd", seen, up.astype(seen.dtype)) + up_bias.astype(seen.dtype)
    added = jnp.einsum("nmd,mdc->nc", jax.nn.gelu(hidden, approximate=False), down.astype(seen.dtype))
    return (seen + added + down_bias.astype(seen.dtype)).astype(x.dtype)


@head(
    "netvlad",
    summary="residuals to 8 learned centres, summed by soft assignment (NetVLAD)",
    formula="sum_i a_k(x_i) (x_i - c_k), a = softmax(x W + b)",
    source="Arandjelovic et al. 2016",
    features="8*C",
    learned={
        "weights": Learned(("C", 8), "uniform", bound="(3/C)^0.5"),
        "bias": Learned((8,)),
        "centres": Learned((8, "C"), "uniform", bound="(3/C)^0.5"),
    },
)
def netvlad_pool(x: Array, weights: Array, bias: Array, centres: Array, eps: float = 1e-12) -> Array:
    """NetVLAD: for each centre c_k the residuals x_i - c_k, summed with shares a_k(x_i) of each cell; (N, K C).

    a = softmax(x weights + bias), weights (C, K), bias (K,), centres (K, C). Each centre's sum is divided by its L2
    norm, then the whole vector by its own (squares plus eps). The paper has 64 centres, from k-means. (Arandjelovic et
    al. 2016. The paper claims better place recognition than maxima; not measured here.)

    Example:
        >>> x = jnp.array([[1.0], [3.0]])[None, None]
        >>> far = jnp.array([-100.0, 100.0])  # every cell belongs to the second centre
        >>> jnp.round(netvlad_pool(x, jnp.zeros((1, 2)), far, jnp.array([[7.0], [1.0]])), 4).tolist()
        [[0.0, 1.0]]
    """
    cells = widen(x).reshape(len(x), -1, x.shape[3])
    shares = jax.nn.softmax(cells @ weights.astype(cells.dtype) + bias.astype(cells.dtype), axis=2)
    sums = jnp.einsum("nlk,nlc->nkc", shares, cells, precision="highest")
    sums = sums - shares.sum(1)[:, :, None] * centres.astype(cells.dtype)
    sums = sums * jax.lax.rsqrt(jnp.sum(sums**2, axis=2, keepdims=True) + eps)
    flat = sums.reshape(len(x), -1)
    return (flat * jax.lax.rsqrt(jnp.sum(flat**2, axis=1, keepdims=True) + eps)).astype(x.dtype)


def attend(query: Array, keys: Array, values: Array, heads: int) -> Array:
    """Attention of one query (N, C) to keys and values (N, L, C), with channels split evenly among heads: (N, C)."""
    count, length, channels = keys.shape
    split = (count, length, heads, channels // heads)
    scores = jnp.einsum("nhd,nlhd->nlh", query.reshape(count, heads, -1), keys.reshape(split), precision="highest")
    shares = jax.nn.softmax(scores / (channels // heads) ** 0.5, axis=1)
    return jnp.einsum("nlh,nlhd->nhd", shares, values.reshape(split), precision="highest").reshape(count, channels)


def _project_and_attend(asking: Array, tokens: Array, weights: Array, biases: Array) -> Array:
    weights, biases = weights.astype(tokens.dtype), biases.astype(tokens.dtype)
    query, keys, values = (given @ weights[part] + biases[part] for part, given in enumerate((asking, tokens, tokens)))
    channels = tokens.shape[2]
    heads = max(1, channels // HEAD_WIDTH) if channels % HEAD_WIDTH == 0 else 1
    return attend(query, keys, values, heads) @ weights[3] + biases[3]
