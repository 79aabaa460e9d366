"""Global pooling against flat arrays."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from hand_maps import close, normal

from poolscope.pooling import (
    global_avg_pool,
    global_avgmax_pool,
    global_catavgmax_pool,
    global_gem_pool,
    global_lse_pool,
    global_max_pool,
)


def test_global_heads() -> None:
    x = jnp.abs(normal(2, 5, 6, 3)) + 0.1
    flat = np.asarray(x, "float64").reshape(2, 30, 3)
    close(global_avg_pool(x), jnp.asarray(flat.mean(1)))
    close(global_max_pool(x), jnp.asarray(flat.max(1)))
    close(global_gem_pool(x, p=2.5), jnp.asarray((flat**2.5).mean(1) ** 0.4))
    close(global_lse_pool(x, beta=3.0), jnp.asarray(np.log(np.exp(3 * flat).mean(1)) / 3))
    close(global_avgmax_pool(x), jnp.asarray((flat.mean(1) + flat.max(1)) / 2))
    close(global_catavgmax_pool(x), jnp.asarray(np.concatenate([flat.mean(1), flat.max(1)], 1)))
