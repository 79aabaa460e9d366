"""Worked by hand, by equalities and by statistics: ranks, weighted means, spectra, phases, grids, lifting, heads."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pool_geometries import compile_quickly

from poolscope.pooling import (
    ada_pool,
    adaptive_avg_pool,
    adaptive_max_pool,
    aps_pool,
    avg_pool,
    diffstride_pool,
    dpp_pool,
    edscw_pool,
    em_pool,
    fractional_max_pool,
    global_avg_pool,
    global_avgmax_pool,
    global_catavgmax_pool,
    global_gem_pool,
    global_lse_pool,
    global_max_pool,
    haar_pool,
    lift_pool,
    lip_pool,
    lps_pool,
    make_pool,
    max_pool,
    median_pool,
    min_pool,
    ordinal_pool,
    random_mixed_pool,
    s3_pool,
    soft_pool,
    space_to_depth,
    spectral_pool,
    subsample,
    tree_pool,
)
from poolscope.pooling.ranks import comparators
from poolscope.spec.config import PoolConfig
from poolscope.spec.errors import PoolscopeError


def maps(rows: list[list[float]]) -> jax.Array:
    return jnp.asarray(rows, "float32")[None, :, :, None]


def rows(y: jax.Array) -> list[list[float]]:
    return np.asarray(y[0, :, :, 0], "float64").round(5).tolist()


def normal(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(5).normal(size=shape), "float32")


def close(y: jax.Array, expected: jax.Array, atol: float = 1e-5) -> None:
    np.testing.assert_allclose(y, expected, atol=atol)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 9, 16, 25])
def test_the_comparators_sort_anything(count: int) -> None:
    """A network sorts all inputs if it sorts all of zeros and ones (Knuth); large ones are sampled."""
    pairs = list(comparators(count))
    rng = np.random.default_rng(0)
    inputs = range(2**count) if count <= 9 else [int(value) for value in rng.integers(0, 2**count, 2000)]
    for bits in inputs:
        values = [bits >> i & 1 for i in range(count)]
        for low, high in pairs:
            values[low], values[high] = min(values[low], values[high]), max(values[low], values[high])
        assert values == sorted(values)


def test_ranks() -> None:
    x = maps([[1, 9], [3, 4]])
    assert rows(median_pool(x, 2)) == [[3.5]]
    assert rows(median_pool(x, 2, 2, 1)) == [[1, 9], [3, 4]]
    assert rows(ordinal_pool(x, 2, weights=jnp.asarray([0.5, 0.25, 0.125, 0.125]))) == [[6]]
    many = normal(2, 6, 6, 3)
    close(ordinal_pool(many, 3, 1, weights=jnp.eye(9)[0]), max_pool(many, 3, 1))
    close(ordinal_pool(many, 3, 1, weights=jnp.eye(9)[8]), min_pool(many, 3, 1))
    close(ordinal_pool(many, 3, 1, weights=jnp.eye(9)[4]), median_pool(many, 3, 1))
    close(ordinal_pool(many, 3, 1, "SAME", weights=jnp.full(9, 1 / 9)), avg_pool(many, 3, 1, "SAME"))


def test_tree_chooses_between_its_leaves() -> None:
    x = maps([[1, 2], [3, 4]])
    leaves = jnp.eye(4).reshape(4, 2, 2)
    gates = jnp.zeros((3, 2, 2))
    assert rows(tree_pool(x, 2, leaves=leaves, gates=gates)) == [[2.5]]
    assert rows(tree_pool(x, 2, leaves=leaves, gates=gates.at[0, 0, 0].set(50).at[1, 0, 0].set(-50))) == [[2]]
    assert rows(tree_pool(x, 2, leaves=leaves[:2], gates=gates[:1].at[0, 0, 0].set(math.log(3)))) == [[1.25]]


def test_random_mixed_tosses_one_coin_for_each_example_and_channel() -> None:
    x = normal(64, 4, 4, 8)
    y = random_mixed_pool(x, 2, key=jax.random.key(0))
    largest, mean = max_pool(x, 2), avg_pool(x, 2)
    took_max = np.isclose(y, largest).all((1, 2))
    np.testing.assert_array_equal(took_max, ~np.isclose(y, mean).all((1, 2)))
    assert abs(took_max.mean() - 0.5) < 4 * 0.5 / math.sqrt(512)
    close(random_mixed_pool(x, 2, deterministic=True), (largest + mean) / 2)


def test_dpp_lite_by_hand() -> None:
    """Window 0, 0, 0, 4: mean 1, q = 1.001 three times and 9.001, mean q = 3.001; sharpness log 2 makes the power 1."""
    x = maps([[0, 0], [0, 4]])
    weight, others = 9.001 / 3.001 + 1, 1.001 / 3.001 + 1
    expected = 4 * weight / (weight + 3 * others)
    close(dpp_pool(x, 2, sharpness=math.log(2), offset=0.0), jnp.full((1, 1, 1, 1), expected))
    dark = 1e-3 / ((9.001 + 3e-3) / 4) + 1  # asymmetric: cells below the mean have no detail
    bright = 9.001 / ((9.001 + 3e-3) / 4) + 1
    expected = 4 * bright / (bright + 3 * dark)
    close(dpp_pool(x, 2, sharpness=math.log(2), asymmetric=True), jnp.full((1, 1, 1, 1), expected))
    close(dpp_pool(x, 2, sharpness=-50.0), avg_pool(x, 2))


def test_adapool_and_its_halves() -> None:
    x = normal(2, 6, 6, 3)
    close(em_pool(x, 2), soft_pool(x, 2))
    close(ada_pool(x, 2, alpha=1.0), edscw_pool(x, 2))
    close(ada_pool(x, 2, alpha=0.0), em_pool(x, 2))
    by_place = jnp.asarray([[1.0, 0, 1], [0, 1, 0], [0, 0, 1]])[:, :, None]
    close(ada_pool(x, 2, alpha=by_place), jnp.where(by_place > 0, edscw_pool(x, 2), em_pool(x, 2)))
    w = math.exp(0.8), math.exp(12 / 13)  # cells 1 and 3 around 2: DSC 2 * 2 / 5 and 2 * 6 / 13
    assert rows(edscw_pool(maps([[1, 3]]), (1, 2))) == [[round((w[0] + 3 * w[1]) / sum(w), 5)]]
    assert rows(edscw_pool(maps([[0, 0]]), (1, 2))) == [[0]]
    held = jax.grad(lambda x: edscw_pool(x, (1, 2), gradient="truncated").sum())(maps([[1, 3]])).ravel()
    np.testing.assert_allclose(held, np.array(w) / sum(w), rtol=1e-5)


def test_haar_is_one_band_of_one_level_and_of_two_put_back_together() -> None:
    """Two levels down, first details dropped, one level up: the first low band again (Williams & Li 2018)."""

    def down(x: np.ndarray) -> list[np.ndarray]:
        a, b, c, d = x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]
        return [(a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2]

    def up(low: np.ndarray, across: np.ndarray, along: np.ndarray, both: np.ndarray) -> np.ndarray:
        x = np.zeros((len(low), 2 * low.shape[1], 2 * low.shape[2], low.shape[3]))
        x[:, ::2, ::2], x[:, ::2, 1::2] = (low + across + along + both) / 2, (low - across + along - both) / 2
        x[:, 1::2, ::2], x[:, 1::2, 1::2] = (low + across - along - both) / 2, (low - across - along + both) / 2
        return x

    x = normal(2, 8, 8, 3)
    close(haar_pool(x, 2), jnp.asarray(down(np.asarray(x))[0]))
    close(haar_pool(x, 2), jnp.asarray(up(*down(down(np.asarray(x))[0]))))
    close(haar_pool(x, 4), jnp.asarray(down(down(np.asarray(x))[0])[0]))
    close(haar_pool(x, 2), 2 * avg_pool(x, 2))


def test_spectral_keeps_low_frequencies_and_drops_high_ones() -> None:
    place = np.arange(16)
    low, high = np.cos(2 * np.pi * 2 * place / 16), np.cos(2 * np.pi * 6 * place / 16)
    x = maps((np.outer(np.ones(16), 3 + low + high)).tolist())
    expected = np.outer(np.ones(8), 3 + np.cos(2 * np.pi * 2 * np.arange(8) / 8))
    close(spectral_pool(x, 8)[0, :, :, 0], jnp.asarray(expected))
    y = normal(2, 7, 6, 3)
    close(spectral_pool(y, (7, 6)), y)
    odd = y[:, :, :5]
    close(spectral_pool(spectral_pool(odd, (14, 9)), (7, 5)), odd)  # padding the spectrum loses nothing
    close(spectral_pool(y, 1), y.mean((1, 2), keepdims=True))


def test_diffstride_between_spectral_pooling_and_the_mean() -> None:
    x = normal(2, 8, 8, 3)
    close(diffstride_pool(x, 2, strides=jnp.ones(2)), spectral_pool(x, 4))
    coarse = diffstride_pool(x, 2, strides=jnp.full(2, 1e6), smoothness=1.0)
    close(coarse, jnp.broadcast_to(x.mean((1, 2), keepdims=True), coarse.shape))
    move = jax.grad(lambda strides: jnp.sum(diffstride_pool(x, 2, strides=strides) ** 2))(jnp.full(2, 2.25))
    assert (np.asarray(move) != 0).all()


def test_space_to_depth_loses_nothing_and_orders_channels_by_offset() -> None:
    x = jnp.arange(32.0).reshape(1, 4, 4, 2)
    y = space_to_depth(x, 2)
    assert y.shape == (1, 2, 2, 8)
    assert y[0, 0, 0].tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert sorted(np.asarray(y).ravel()) == sorted(np.asarray(x).ravel())


@pytest.mark.parametrize("norm", ["l2", "l1", "linf"])
def test_aps_follows_circular_shifts(norm: str) -> None:
    x = normal(3, 8, 8, 2)
    y = np.asarray(aps_pool(x, 2, norm=norm))
    for shift in ((0, 1), (1, 0), (3, 5)):
        shifted = np.asarray(aps_pool(jnp.roll(x, shift, (1, 2)), 2, norm=norm))
        for n in range(3):
            rolls = [np.roll(y[n], (a, b), (0, 1)) for a in range(4) for b in range(4)]
            assert any(np.array_equal(shifted[n], roll) for roll in rolls)
    phases = [np.asarray(x[:, a::2, b::2]) for a in (0, 1) for b in (0, 1)]
    assert all(any(np.array_equal(y[n], phase[n]) for phase in phases) for n in range(3))
    np.testing.assert_array_equal(aps_pool(jnp.ones((1, 4, 4, 1)) * 2, 2), np.full((1, 2, 2, 1), 2))


def test_lps_mixes_phases_in_training_and_picks_one_in_evaluation() -> None:
    x = normal(4, 8, 8, 2)
    weights = {"kernel1": normal(3, 3, 2, 5), "bias1": normal(5), "kernel2": normal(3, 3, 5, 5), "bias2": normal(5)}
    phases = np.stack([np.asarray(x[:, a::2, b::2]) for a in (0, 1) for b in (0, 1)])
    chosen = np.asarray(lps_pool(x, 2, **weights, deterministic=True))
    assert all(any(np.array_equal(chosen[n], phases[k, n]) for k in range(4)) for n in range(4))
    mixed = np.asarray(lps_pool(x, 2, **weights, key=jax.random.key(0)))
    for n in range(4):
        shares, residual = np.linalg.lstsq(phases[:, n].reshape(4, -1).T, mixed[n].ravel(), rcond=None)[:2]
        assert residual[0] < 1e-8
        assert abs(shares.sum() - 1) < 1e-5
        assert (shares > 0).all()
    cold = np.asarray(lps_pool(x, 2, **weights, tau=1e-4, key=jax.random.key(0)))
    assert all(min(np.abs(cold[n] - phases[k, n]).max() for k in range(4)) < 1e-5 for n in range(4))


def test_s3_draws_increasing_rows_and_columns_and_its_mean_is_the_evaluated_form() -> None:
    x = jnp.broadcast_to(jnp.arange(8.0)[:, None] * 10 + jnp.arange(8.0), (1, 8, 8))[..., None]
    draw = compile_quickly(jax.vmap(lambda key: s3_pool(x, 1, 2, key=key)))
    drawn = np.asarray(draw(jax.random.split(jax.random.key(0), 3000)))[:, 0, :, :, 0]
    drawn_rows, drawn_columns = drawn[:, :, 0] // 10, drawn[:, 0, :] % 10
    for positions in (drawn_rows, drawn_columns):
        assert (positions // 2 == np.arange(4)).all()  # one of each pair
        assert abs(positions.mean() - 3.5) < 0.05
    expected = np.asarray(s3_pool(x, 1, 2, deterministic=True))[0, :, :, 0]
    np.testing.assert_allclose(drawn.mean(0), expected, atol=4 * 5.1 / math.sqrt(3000))
    wide = np.asarray(jax.vmap(lambda key: s3_pool(x, 1, 2, grid=4, key=key))(jax.random.split(jax.random.key(1), 50)))
    wide_rows = wide[:, 0, :, 0, 0] // 10
    assert (np.diff(wide_rows, axis=1) > 0).all()
    assert (wide_rows // 4 == [0, 0, 1, 1]).all()
    assert len(np.unique(wide_rows, axis=0)) > 10


@pytest.mark.parametrize("overlapping", [True, False])
@pytest.mark.parametrize("pseudorandom", [True, False])
def test_fractional_regions_cover_the_map_in_steps_of_one_or_two(overlapping: bool, pseudorandom: bool) -> None:
    """On a ramp the maxima are the regions' last cells, and the minima (of the negated ramp) their first."""
    ramp = jnp.arange(10.0)[None, :, None, None] * jnp.ones((1, 1, 10, 1))

    def ends(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        options = {"overlapping": overlapping, "pseudorandom": pseudorandom, "output_size": 7}
        return (
            fractional_max_pool(ramp, key=key, **options)[0, :, 0, 0],
            -fractional_max_pool(-ramp, key=key, **options)[0, :, 0, 0],
        )

    last, first = map(np.asarray, compile_quickly(jax.vmap(ends))(jax.random.split(jax.random.key(2), 200)))
    assert (last[:, -1] == 9).all()
    assert (first[:, 0] == 0).all()
    assert set(np.diff(last, axis=1).ravel()) <= {1, 2}
    gap = first[:, 1:] - last[:, :-1]
    assert (gap == (0 if overlapping else 1)).all()
    assert len(np.unique(last, axis=0)) > (2 if pseudorandom else 10)
    assert fractional_max_pool(ramp, 1.5, jax.random.key(0)).shape == (1, 6, 6, 1)


def test_adaptive_bins_overlap_where_they_must() -> None:
    x = maps([[1, 2, 3, 4, 5, 6, 7]])
    assert rows(adaptive_avg_pool(x, (1, 4))) == [[1.5, 3, 5, 6.5]]
    assert rows(adaptive_max_pool(x, (1, 4))) == [[2, 4, 6, 7]]
    many = normal(2, 6, 6, 3)
    close(adaptive_avg_pool(many, 3), avg_pool(many, 2))
    close(adaptive_max_pool(many, 3), max_pool(many, 2))


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


def test_global_heads() -> None:
    x = jnp.abs(normal(2, 5, 6, 3)) + 0.1
    flat = np.asarray(x, "float64").reshape(2, 30, 3)
    close(global_avg_pool(x), jnp.asarray(flat.mean(1)))
    close(global_max_pool(x), jnp.asarray(flat.max(1)))
    close(global_gem_pool(x, p=2.5), jnp.asarray((flat**2.5).mean(1) ** 0.4))
    close(global_lse_pool(x, beta=3.0), jnp.asarray(np.log(np.exp(3 * flat).mean(1)) / 3))
    close(global_avgmax_pool(x), jnp.asarray((flat.mean(1) + flat.max(1)) / 2))
    close(global_catavgmax_pool(x), jnp.asarray(np.concatenate([flat.mean(1), flat.max(1)], 1)))


@pytest.mark.parametrize("name", ["stochastic", "random_mixed", "fractional_max", "s3", "lps"])
def test_draws_repeat_with_their_key_also_compiled_and_mapped(name: str) -> None:
    layer = make_pool(PoolConfig(name=name), 2, rngs=jax.random.key(0))
    x = normal(2, 8, 8, 2)
    keys = jax.random.split(jax.random.key(4), 3)

    def draw(key: jax.Array) -> jax.Array:
        return layer(x, rngs=key, deterministic=False)

    single = [jax.jit(draw)(key) for key in keys]
    close(jax.jit(jax.vmap(draw))(keys), jnp.stack(single))
    close(draw(keys[0]), single[0])
    assert not all(np.array_equal(single[0], other) for other in single[1:])
    with pytest.raises(PoolscopeError, match="needs rngs="):
        layer(x, deterministic=False)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda x: ordinal_pool(x, 2, weights=jnp.ones(3)), "ordinal weights must be (4,) or (4, 1), not (3,)"),
        (lambda x: tree_pool(x, 2, leaves=jnp.ones((3, 2, 2)), gates=jnp.ones((2, 2, 2))), "not 3 and 2"),
        (lambda x: dpp_pool(x, 2, kernel=jnp.ones((2, 2, 1))), "dpp kernel must be (3, 3, 1), not (2, 2, 1)"),
        (lambda x: aps_pool(x, 2, norm="l3"), "aps norm must be one of l2, l1, linf, not 'l3'"),
        (lambda x: s3_pool(x, 2, grid=3, deterministic=True), "s3 grid must be a multiple of the stride, not 3"),
        (lambda x: fractional_max_pool(x, 0.5), "fractional_max ratio must be at least 1, not 0.5"),
        (lambda x: fractional_max_pool(x), "needs a ratio or an output_size"),
        (lambda x: spectral_pool(x, 0), "spectral output_size must be at least 1, not 0"),
        (lambda x: diffstride_pool(x, 2, strides=jnp.ones(2), smoothness=0.0), "smoothness must be above 0, not 0.0"),
        (lambda x: space_to_depth(x, 5), "window 5 is larger than its 4x4 input"),
    ],
)
def test_what_can_t_work_is_refused_in_one_sentence(call: object, sentence: str) -> None:
    with pytest.raises(PoolscopeError) as caught:
        call(maps([[0] * 4] * 4))  # type: ignore[operator]
    assert sentence in str(caught.value)
