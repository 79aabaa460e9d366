"""Local importance and lifting, at weights whose result is known."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from hand_maps import close, normal

from poolscope.pooling import avg_pool, lift_pool, lip_pool, subsample


def test_lip_starts_as_the_average_and_leans_to_what_its_filter_likes() -> None:
    x = normal(2, 6, 6, 3)
    start = {"kernel": jnp.zeros((3, 3, 3, 3)), "scale": jnp.ones(3), "bias": jnp.zeros(3)}
    close(lip_pool(x, 2, **start), avg_pool(x, 2))
    likes_large = start | {"kernel": jnp.zeros((3, 3, 3, 3)).at[1, 1].set(jnp.eye(3)), "scale": jnp.full(3, 2.0)}
    assert (np.asarray(lip_pool(x, 2, **likes_large)) > np.asarray(avg_pool(x, 2)) + 1e-3).mean() > 0.9


def test_lift_without_weights_splits_and_no_more() -> None:
    x = normal(2, 6, 6, 3)
    nothing = {
        "depthwise": jnp.zeros((2, 2, 3, 3)),
        "depthwise_bias": jnp.zeros((2, 2, 3)),
        "pointwise": jnp.zeros((2, 2, 3, 3)),
        "pointwise_bias": jnp.zeros((2, 2, 3)),
    }
    close(lift_pool(x, 2, **nothing), subsample(x, 2))
    close(lift_pool(x, 2, **nothing, bands="sum"), 4 * avg_pool(x, 2))
