"""How much error of the test images a verdict bears, where no record of single images says how much there is.

A contrast's interval is widened by the variance of the mean effect that is due to the images (`images.py`), which is
known only where a run keeps each image's result. Here: from which standard error on a verdict would fall, how large
that error can be at all, and how large it is in runs that were trained again with each image's score kept
(`experiments/<study>/image_scores.csv`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from poolscope.spec.config import PROBED
from poolscope.spec.paths import shipped
from poolscope.statistics.claims import Contrast
from poolscope.statistics.verdicts import DESCRIBED, is_refuted, is_supported, judge_contrasts, select_runs

COLUMNS = (
    *("claim", "id", "study", "measure", "unit", "delta", "registration", "verdict", "effect", "low", "high"),
    *("images", "breaking", "measured", "as_accuracy", "unopposed", "largest"),
)
_PROBED = re.compile(r"consistency_\w+|accuracy_corrupted")  # means of scores in [0, 1] of the probed test images
_VALIDATED = ("gap_at_equal_loss", "gap_at_equal_accuracy", "val_accuracy_at_equal_loss")
_TESTED = ("recovered_less_accuracy", "memorised_per_accuracy", "overfit_depth", "generalisation_gap")
_UNBOUNDED = ("memorised_per_accuracy", "overfit_depth")  # a ratio and a loss


def list_image_errors(
    verdicts: pd.DataFrame, contrasts: Iterable[Contrast], read: Callable[[str], pd.DataFrame]
) -> pd.DataFrame:
    """List the verdicts of support or refutation whose images' error isn't known: a row in COLUMNS each, by claim.

    All errors are in the contrast's unit. images: how many fixed images were measured. breaking: of
    `find_breaking_error`. measured: by those of its runs that were trained again with each image's score kept, at least
    two seeds of either arm. as_accuracy: the error that the test accuracy of the same two arms has, on as many images.
    unopposed, largest: of `bound_image_error`. NaN where unknown; the last three where the measure is no difference of
    two means of scores from 0 to 1.

    Args:
        verdicts: of the ledger.
        contrasts: of all its studies.
        read: the runs table of a study.

    Raises:
        PoolscopeError: where filters of a contrast select several configurations.
    """
    known = {contrast.id: contrast for contrast in contrasts}
    tables: dict[str, pd.DataFrame] = {}
    rows = []
    for row in verdicts.to_dict("records"):
        contrast = known.get(row["id"])
        if contrast is None or not lacks_image_error(row) or not _is_shown(row["verdict"]):
            continue
        if contrast.study not in tables:
            tables[contrast.study] = read(contrast.study)
        rows.append(
            {**row, "breaking": find_breaking_error(row), **_find_bounds(tables[contrast.study], contrast, row)}
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def lacks_image_error(row: Mapping[str, Any]) -> bool:
    """Tell whether a contrast decides something by an interval that holds no error of the test images."""
    judged = row["kind"] != "exact" and row["verdict"] != DESCRIBED and row["n"] > 0
    return bool(judged and pd.isna(row["image_error"]))


def find_breaking_error(row: Mapping[str, Any]) -> float:
    """Find the least standard error from the images, in the unit, at which a verdict no longer stands.

    With E = sd / √n the interval's end that decides is mean ± k E, k of the t or the bootstrap distribution, and images
    with a standard error S move it to mean ± k √(E² + S²). It reaches the verdict's bound at distance D from the mean
    where S = √((D / k)² - E²). Strong support that is left as support still stands, as does a refutation of another
    kind. NaN where the verdict is none of support or refutation, or without spread.

    >>> row = {"verdict": "supported", "kind": "difference", "direction": "higher", "delta": 1.0, "n": 9, "sd": 3.0}
    >>> round(find_breaking_error(row | {"effect": 5.0, "low": 2.0, "high": 8.0}), 3)  # k = 3, D = 5: √((5/3)² - 1)
    1.333
    """
    error = row["sd"] / math.sqrt(row["n"]) if row["n"] else math.nan
    sign = 1 if row["direction"] == "higher" else -1
    mean = sign * row["effect"]
    low, high = sorted((sign * row["low"], sign * row["high"]))
    ends = [(end, bound) for end, bound in _list_bounds(row, low, high) if end != mean]
    if not ends or not error > 0:
        return math.nan
    least = min(error * (bound - mean) / (end - mean) for end, bound in ends)
    return math.sqrt(max(0.0, least**2 - error**2))


def bound_image_error(first: float, second: float, images: float, opposed: bool = True) -> float:
    """Bound the standard error, from N images, of the difference of two mean scores, each image's being in [0, 1].

    A score of mean m has at most the variance m (1 - m) over images (Bhatia & Davis 2000), two of means m1 and m2 at
    least the covariance max(0, m1 + m2 - 1) - m1 m2 (Fréchet 1951; Hoeffding 1940). The bound is
    √((m1 (1 - m1) + m2 (1 - m2) - 2 c) / N), c being that covariance, or 0 with opposed=False: where images that are
    easy for one arm are not, by and large, hard for the other. It holds for means over seeds too.

    Args:
        first, second: the two means.
        images: how many, N.
        opposed: whether the two scores may correlate negatively over images.

    >>> bound_image_error(0.5, 0.5, 100)  # at worst each image is for one of them only
    0.1
    >>> round(bound_image_error(0.5, 0.5, 100, opposed=False), 4)
    0.0707
    """
    least = max(0.0, first + second - 1) - first * second if opposed else 0.0
    return math.sqrt((first * (1 - first) + second * (1 - second) - 2 * least) / images)


def _is_shown(verdict: str) -> bool:
    return is_supported(verdict) or is_refuted(verdict)


def _list_bounds(row: Mapping[str, Any], low: float, high: float) -> list[tuple[float, float]]:
    """The ends of the interval, in the claimed direction, that a verdict rests on, each with the bound it must keep."""
    delta, kind = row["delta"], row["kind"]
    if is_supported(row["verdict"]):
        if kind == "equivalent":
            return [(low, -delta), (high, delta)]
        return [(low, -delta if kind == "noninferior" else 0.0)]
    if is_refuted(row["verdict"]):
        if kind == "equivalent":
            return [(low, delta) if low >= delta else (high, -delta)]
        return [(high, -delta if kind == "noninferior" else delta)]
    return []


def _find_bounds(runs: pd.DataFrame, contrast: Contrast, row: Mapping[str, Any]) -> dict[str, float]:
    """How many images a contrast's measure is of, and the errors that these have or can have."""
    chosen = select_runs(runs, {**contrast.where, **contrast.arm})
    images = _count_images(chosen[chosen["status"] == "done"], contrast.measure)
    found = {"images": images, "measured": _find_measured_error(runs, contrast)}
    pair = contrast.kind in ("difference", "noninferior", "equivalent") and contrast.unit in ("points", "fraction")
    if math.isnan(images) or not pair or contrast.measure in _UNBOUNDED:
        return found
    scale = 100.0 if contrast.unit == "points" else 1.0
    own = bool(_PROBED.fullmatch(contrast.measure))
    first, second = (row[side] / scale if own else 0.5 for side in ("arm_mean", "baseline_mean"))  # 0.5: largest bound
    for name, opposed in (("unopposed", False), ("largest", True)):
        found[name] = scale * bound_image_error(first, second, images, opposed)
    return found | {"as_accuracy": scale * _find_accuracy_error(runs, contrast) / math.sqrt(images)}


def _count_images(runs: pd.DataFrame, measure: str) -> float:
    """How many fixed images a measure is of, NaN if unknown; training images are each seed's own, and in its spread."""
    if runs.empty:
        return math.nan
    first = runs.iloc[0]
    if _PROBED.fullmatch(measure):
        asked = first.get("measure.images", math.nan)
        return float(np.fmin(PROBED if pd.isna(asked) else asked, first["test_size"]))
    if measure in _VALIDATED:
        part = re.fullmatch(r"\w+\[(\d*):(\d+)\]", str(first["data.val"]))
        return float(int(part[2]) - int(part[1] or 0)) if part else math.nan
    return float(first["test_size"]) if measure in _TESTED else math.nan


def _find_measured_error(runs: pd.DataFrame, contrast: Contrast) -> float:
    """The error of the images by the runs that were trained again; NaN without two seeds of either arm."""
    path = shipped("experiments") / contrast.study / "image_scores.csv"
    if not path.is_file():
        return math.nan
    scores = pd.read_csv(path, dtype={"digest": str})
    return _find_image_error(runs.merge(scores, on=["digest", "seed"]), contrast)


def _find_accuracy_error(runs: pd.DataFrame, contrast: Contrast) -> float:
    """The spread over images of the same two arms' difference in test accuracy, averaged over seeds; NaN if unknown."""
    chosen = select_runs(runs, {**contrast.where, **contrast.arm})
    asked = replace(contrast, measure="test_accuracy", unit="fraction", kind="difference", because="", premise=())
    return _find_image_error(runs, asked) * math.sqrt(chosen["test_size"].max())


def _find_image_error(runs: pd.DataFrame, contrast: Contrast) -> float:
    """The standard error of a contrast's mean effect that its images add, in its unit; NaN where it isn't known."""
    judged = judge_contrasts(runs, [contrast]).iloc[0]
    if judged["n"] < 2 or pd.isna(judged["image_error"]):
        return math.nan
    return float(judged["sd"] / math.sqrt(judged["n"]) * math.sqrt((1 + judged["image_error"]) ** 2 - 1))
