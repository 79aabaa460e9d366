"""The linear probe: ridge regression whose penalty is chosen on rows that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poolscope.measures.information.estimate import Parts

ALPHAS = tuple(10.0**power for power in range(-6, 1))
_BLOCK = 2048
_ROUNDING = 1e-14


@dataclass(frozen=True)
class Ridge:
    """x^ = mean_x + (z - mean_z) W with W (d, t); alpha: the chosen penalty per mean variance of a feature."""

    weights: np.ndarray
    mean_z: np.ndarray
    mean_x: np.ndarray
    alpha: float

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Targets (n, t) read from features (n, d)."""
        return self.mean_x + (features.astype(np.float64) - self.mean_z) @ self.weights


@dataclass(frozen=True)
class Fit:
    """A ridge and how it did on the reported rows: squared error and squared deviation from the fitted rows' mean, both
    summed over rows and targets."""

    ridge: Ridge
    error: float
    deviation: float

    @property
    def r2(self) -> float:
        """1 - error / deviation, pooled over all targets: constant targets count for nothing."""
        return 1 - self.error / self.deviation if self.deviation > 0 else np.nan


def fit_ridge(features: np.ndarray, targets: np.ndarray, parts: Parts, alphas: tuple[float, ...] = ALPHAS) -> Fit:
    """W = (Z~'Z~ + lambda I)^-1 Z~'X~ with lambda = alpha tr(Z~'Z~) / d; ~ means minus the mean of the fitted rows.

    features (n, d), targets (n, t). One eigendecomposition serves every alpha; sums of products are taken in float64,
    block by block. alpha is the one with the least squared error on parts.select.
    """
    mean_z, mean_x = (_mean(rows, parts.fit) for rows in (features, targets))
    gram, cross, _ = _products(features, targets, parts.fit, mean_z, mean_x)
    eigenvalues, basis = np.linalg.eigh(gram)
    cross = basis.T @ cross
    held_gram, held_cross, held_total = _products(features, targets, parts.select, mean_z, mean_x)
    held_gram, held_cross = basis.T @ held_gram @ basis, basis.T @ held_cross
    fitted, overlap = cross @ cross.T, (cross * held_cross).sum(1)

    rounding = _ROUNDING * len(parts.fit) * float((mean_z**2).mean())  # constant features vary by this at most

    def shrink(alpha: float) -> np.ndarray:
        total = np.maximum(eigenvalues, 0) + alpha * np.trace(gram) / len(gram) + rounding
        return np.divide(1, total, out=np.zeros_like(total), where=total > 0)

    def held_error(alpha: float) -> float:
        scale = shrink(alpha)
        return held_total - 2 * scale @ overlap + scale @ (held_gram * fitted) @ scale

    alpha = min(alphas, key=held_error)
    ridge = Ridge(basis @ (shrink(alpha)[:, None] * cross), mean_z, mean_x, alpha)
    error = deviation = 0.0
    for block in _blocks(parts.test):
        truth = targets[block].astype(np.float64)
        error += float(((truth - ridge.predict(features[block])) ** 2).sum())
        deviation += float(((truth - mean_x) ** 2).sum())
    return Fit(ridge, error, deviation)


def _products(
    features: np.ndarray, targets: np.ndarray, rows: np.ndarray, mean_z: np.ndarray, mean_x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    gram, cross, total = np.zeros((len(mean_z),) * 2), np.zeros((len(mean_z), len(mean_x))), 0.0
    for block in _blocks(rows):
        z, x = features[block].astype(np.float64) - mean_z, targets[block].astype(np.float64) - mean_x
        gram += z.T @ z
        cross += z.T @ x
        total += float((x**2).sum())
    return gram, cross, total


def _mean(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return sum(values[block].sum(0, dtype=np.float64) for block in _blocks(rows)) / len(rows)


def _blocks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
