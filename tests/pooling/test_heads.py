"""Global pooling against flat arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import close, normal
from pool_geometries import compile_quickly

from poolscope.pooling import (
    bilinear_pool,
    covariance_pool,
    global_avg_pool,
    global_avgmax_pool,
    global_catavgmax_pool,
    global_gem_pool,
    global_lse_pool,
    global_max_pool,
    spatial_pyramid_pool,
)

pytestmark = pytest.mark.usefixtures("compiled_calls")


def test_global_heads() -> None:
    x = np.abs(normal(2, 5, 6, 3)) + np.float32(0.1)
    flat = x.astype("float64").reshape(2, 30, 3)
    found = compile_quickly(
        lambda x: (
            global_avg_pool(x),
            global_max_pool(x),
            global_gem_pool(x, p=2.5),
            global_lse_pool(x, beta=3.0),
            global_avgmax_pool(x),
            global_catavgmax_pool(x),
        )
    )(x)
    expected = (
        flat.mean(1),
        flat.max(1),
        (flat**2.5).mean(1) ** 0.4,
        np.log(np.exp(3 * flat).mean(1)) / 3,
        (flat.mean(1) + flat.max(1)) / 2,
        np.concatenate([flat.mean(1), flat.max(1)], 1),
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_pyramid_holds_the_maxima_of_its_bins() -> None:
    x = np.arange(30.0).reshape(1, 5, 6, 1)  # bins of rows 0-2, 2-4 and of columns 0-2, 3-5
    found = np.asarray(spatial_pyramid_pool(jnp.asarray(x, "float32")))
    assert found.shape == (1, 21)
    assert found[0, :5].tolist() == [29, 14, 17, 26, 29]
    rows, columns = [0, 1, 2, 3], [(0, 2), (1, 3), (3, 5), (4, 6)]
    quarters = [x[0, r : r + 2, a:b, 0].max() for r in rows for a, b in columns]
    assert found[0, 5:].tolist() == quarters


def test_bilinear_pooling_against_numpy() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 3))
    flat = x.reshape(2, 12, 3)
    products = np.stack([example.T @ example / 12 for example in flat])
    rooted = (np.sign(products) * np.sqrt(np.abs(products))).reshape(2, 9)
    close(bilinear_pool(jnp.asarray(x, "float32")), jnp.asarray(rooted / np.linalg.norm(rooted, axis=1)[:, None]), 1e-4)


def test_covariance_pooling_is_the_matrix_root_of_the_covariance() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3)) @ np.diag([1.0, 2.0, 0.5]) + 7
    found = np.asarray(covariance_pool(jnp.asarray(x, "float32"), iterations=20))
    for example, upper in zip(x, found, strict=True):
        values, vectors = np.linalg.eigh(np.cov(example.reshape(30, 3).T, bias=True))
        root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
        np.testing.assert_allclose(upper, root[np.triu_indices(3)], atol=1e-4)
    five = covariance_pool(jnp.asarray(x, "float32"))  # as in the paper: an approximation
    assert 1e-4 < np.abs(five - found).max() < 0.2


def test_heads_of_second_order_have_finite_gradients_where_channels_are_dead() -> None:
    dead = np.ones((1, 2, 2, 3), np.float32)
    dead[..., 0], dead[0, 0, 0, 1] = 0, 2
    for pool in (bilinear_pool, covariance_pool):
        gradient = compile_quickly(jax.grad(lambda x: (pool(x) ** 2).sum() + pool(x).sum()))  # noqa: B023
        for x in (np.zeros_like(dead), dead):
            assert np.isfinite(gradient(x)).all()
