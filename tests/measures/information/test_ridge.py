"""The linear probe against the normal equations, and its penalty against every other one."""

from __future__ import annotations

import numpy as np
import pytest

from poolscope.measures.information import Parts
from poolscope.measures.information.ridge import _BLOCK, ALPHAS, fit_ridge

PARTS = Parts(np.arange(60), np.arange(60, 90), np.arange(90, 130))


def draw(rows: int = 130, features: int = 5, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(rows, features)) * np.arange(1, features + 1) + 7
    return z, z @ rng.normal(size=(features, 3)) + noise * rng.normal(size=(rows, 3)) - 2


def solve(z: np.ndarray, x: np.ndarray, alpha: float, parts: Parts) -> np.ndarray:
    """W by the normal equations."""
    centred, targets = z[parts.fit] - z[parts.fit].mean(0), x[parts.fit] - x[parts.fit].mean(0)
    gram = centred.T @ centred
    return np.linalg.solve(gram + alpha * np.trace(gram) / len(gram) * np.eye(len(gram)), centred.T @ targets)


@pytest.mark.parametrize("alpha", [1e-6, 0.1, 1.0])
def test_weights_solve_the_normal_equations(alpha: float) -> None:
    z, x = draw()
    ridge = fit_ridge(z, x, PARTS, (alpha,)).ridge
    np.testing.assert_allclose(ridge.weights, solve(z, x, alpha, PARTS), rtol=1e-8)
    np.testing.assert_allclose(ridge.mean_z, z[:60].mean(0))
    np.testing.assert_allclose(ridge.predict(z), x[:60].mean(0) + (z - z[:60].mean(0)) @ ridge.weights)


def test_the_penalty_is_the_one_with_the_least_error_on_the_rows_for_choosing() -> None:
    z, x = draw(features=40, noise=20)

    def error(alpha: float) -> float:
        predicted = x[:60].mean(0) + (z[PARTS.select] - z[:60].mean(0)) @ solve(z, x, alpha, PARTS)
        return float(((x[PARTS.select] - predicted) ** 2).sum())

    chosen = fit_ridge(z, x, PARTS).ridge.alpha
    assert chosen == min(ALPHAS, key=error)
    assert chosen not in (min(ALPHAS), 1e-5)  # with noise, some shrinkage is better than none


def test_r2_is_that_of_the_reported_rows_against_the_fitted_mean() -> None:
    z, x = draw()
    fit = fit_ridge(z, x, PARTS)
    rows = PARTS.test
    error = ((x[rows] - fit.ridge.predict(z[rows])) ** 2).sum()
    deviation = ((x[rows] - x[:60].mean(0)) ** 2).sum()
    assert (fit.error, fit.deviation) == pytest.approx((error, deviation))
    assert fit.r2 == pytest.approx(1 - error / deviation)


def test_r2_does_not_depend_on_the_unit_of_the_targets() -> None:
    z, x = draw()
    assert fit_ridge(z, x / 1000, PARTS).r2 == pytest.approx(fit_ridge(z, x, PARTS).r2)


def test_constant_features_and_targets() -> None:
    z, x = draw()
    z[:, 0] = 1 / 3
    fit = fit_ridge(z, x, PARTS, (1e-6,))
    np.testing.assert_allclose(fit.ridge.weights[0], 0, atol=1e-9)
    assert np.isnan(fit_ridge(z, np.full_like(x, 0.25), PARTS).r2)


def test_more_rows_than_a_block_are_summed_as_one_would() -> None:
    rows = _BLOCK + 100
    z, x = draw(rows + 60)
    parts = Parts(np.arange(rows), np.arange(rows, rows + 30), np.arange(rows + 30, rows + 60))
    ridge = fit_ridge(z, x, parts, (0.01,)).ridge
    np.testing.assert_allclose(ridge.weights, solve(z, x, 0.01, parts), rtol=1e-8)
