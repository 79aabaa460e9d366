"""I3: usable information about the label, in bits that a probe of a given family can extract."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from poolscope.measures.information.estimate import Estimate, Parts, divide_rows, find_fault, find_few, flatten_rows
from poolscope.spec.errors import PoolscopeError

PENALTIES = (10.0, 1.0, 0.1, 0.01, 0.001)
_MOST_STEPS = 100
_NEIGHBOURS = 10


@dataclass(frozen=True, kw_only=True)
class Information(Estimate):
    """Usable information in bits; negative where the probe does worse than guessing by class frequencies.

    entropy: of the fitted labels, in bits. accuracy: of the probe on the reported rows. penalty: that was chosen.
    """

    entropy: float = math.nan
    accuracy: float = math.nan
    penalty: float = math.nan


def label_information(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    parts: Parts | None = None,
    probe: str = "linear",
    project: int | None = None,
    seed: int = 0,
    penalties: tuple[float, ...] = PENALTIES,
) -> Information:
    """I_V = H(Y) - CE / ln 2 bits (V-information, Xu et al. 2020): CE in nats on rows that nothing was fitted on.

    features (n, ...), labels (n,). H(Y): entropy of the fitted labels. probe "linear": multinomial logistic regression
    with an L2 penalty (mean cross-entropy + penalty / 2 |W|^2 on standardised features); "neighbours": the 10 nearest,
    smoothed by the class frequencies. project: first multiply by one fixed Gaussian matrix to this many features, so
    that two sides of a pool are read from equally many. Nothing is clipped. NaN with a reason where there is one class,
    the features are all zero or constant, or samples are fewer than features.
    """
    if probe not in ("linear", "neighbours"):
        raise PoolscopeError(f"probe must be linear or neighbours, not {probe!r}.")
    rows = flatten_rows(features).astype(np.float32)
    few = "" if parts else find_few(len(rows))
    if few:
        return Information(value=math.nan, unit="bits", n=len(rows), d=rows.shape[1], reason=few)
    parts = parts or divide_rows(len(rows))
    n = len(parts.fit)
    if project is not None and np.isfinite(rows).all():
        rows = project_features(rows, project, seed)
    d = rows.shape[1]
    classes, counts = np.unique(labels[parts.fit], return_counts=True)
    fault = "the labels are all of one class" if len(classes) < 2 else find_fault(rows, rows[parts.fit], n, d)
    if not fault and not np.isin(labels, classes).all():
        fault = "a class is missing from the fitted labels"
    if fault:
        return Information(value=math.nan, unit="bits", n=n, d=d, reason=fault)
    prior = counts / counts.sum()
    entropy = float(-(prior * np.log2(prior)).sum())
    mean, std = rows[parts.fit].mean(0), rows[parts.fit].std(0)
    rows = (rows - mean) / np.where(std > 1e-6 * (np.abs(mean) + std.max()), std, np.inf).astype(np.float32)
    truth = np.searchsorted(classes, labels)
    if probe == "linear":
        probabilities, penalty = _probe_linearly(rows, truth, parts, penalties)
    else:
        probabilities, penalty = _probe_neighbours(rows, truth, parts, prior), math.nan
    loss = _cross_entropy(probabilities, truth[parts.test])
    accuracy = float((probabilities.argmax(1) == truth[parts.test]).mean())
    return Information(
        value=entropy - loss / math.log(2), unit="bits", n=n, d=d, entropy=entropy, accuracy=accuracy, penalty=penalty
    )


def project_features(features: np.ndarray, size: int, seed: int = 0) -> np.ndarray:
    """features (n, d) times a Gaussian matrix (d, size) of variance 1 / d; the same for the same d, size and seed."""
    matrix = np.random.default_rng([seed, features.shape[1], size]).standard_normal(
        (features.shape[1], size), dtype=np.float32
    )
    return features @ matrix / np.float32(math.sqrt(features.shape[1]))


def _probe_linearly(
    rows: np.ndarray, truth: np.ndarray, parts: Parts, penalties: tuple[float, ...]
) -> tuple[np.ndarray, float]:
    """Class probabilities of the reported rows, and the penalty: ever weaker until the choosing rows lose by it."""
    start = np.zeros((rows.shape[1] + 1, truth.max() + 1))
    best = (math.inf, math.nan, np.empty(0))
    for penalty in sorted(penalties, reverse=True):
        start = fit_logistic(rows[parts.fit], truth[parts.fit], penalty, start)
        loss = _cross_entropy(_predict(rows[parts.select], start), truth[parts.select])
        if loss >= best[0]:
            break
        best = (loss, penalty, _predict(rows[parts.test], start))
    return best[2], best[1]


def fit_logistic(rows: np.ndarray, truth: np.ndarray, penalty: float, start: np.ndarray) -> np.ndarray:
    """Weights (d + 1, K), the last row the biases, that minimise mean cross-entropy + penalty / 2 |weights|^2; L-BFGS.

    rows (n, d), truth (n,) from 0 to K - 1. The biases aren't penalised.
    """
    from scipy.optimize import minimize

    size, wanted = start.shape, np.arange(len(truth))
    mask = np.ones((size[0], 1))
    mask[-1] = 0

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(size)
        probabilities = _predict(rows, weights)
        loss = _cross_entropy(probabilities, truth) + penalty / 2 * float((mask * weights**2).sum())
        probabilities[wanted, truth] -= 1
        probabilities /= len(truth)
        slope = np.concatenate([rows.T @ probabilities.astype(rows.dtype), probabilities.sum(0)[None]])
        return loss, (slope + penalty * mask * weights).ravel()

    options = {"maxiter": _MOST_STEPS, "gtol": 1e-5, "ftol": 1e-7}
    return minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(size)


def _predict(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    scores = (rows @ weights[:-1].astype(rows.dtype)).astype(np.float64) + weights[-1]
    exponentials = np.exp(scores - scores.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def _probe_neighbours(rows: np.ndarray, truth: np.ndarray, parts: Parts, prior: np.ndarray) -> np.ndarray:
    known, asked = rows[parts.fit], rows[parts.test]
    near = min(_NEIGHBOURS, len(known))
    distances = (known**2).sum(1) - 2 * asked @ known.T  # squared, but for a term that is the same for all known rows
    nearest = np.argpartition(distances, near - 1, axis=1)[:, :near]
    votes = (truth[parts.fit][nearest][:, :, None] == np.arange(len(prior))).sum(1)
    return (votes + prior) / (near + 1)


def _cross_entropy(probabilities: np.ndarray, truth: np.ndarray) -> float:
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean())
