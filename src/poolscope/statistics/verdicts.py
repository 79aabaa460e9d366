"""From a study's runs and its promised contrasts to verdicts: paired effects, intervals, p values, what n could show.

Effects are arm - baseline in the contrast's unit; the verdict looks at them in the claimed direction.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.arms import find_varying
from poolscope.statistics.claims import Contrast, Filters
from poolscope.statistics.inference import (
    Verdict,
    adjust_holm,
    find_detectable,
    find_needed,
    judge,
    judge_equivalent,
    judge_noninferior,
    permute_signs,
    summarise,
)

NOT_REACHED = "not reached"
COLUMNS = (
    *("claim", "id", "study", "hypothesis", "kind", "measure", "unit", "direction", "delta", "family"),
    *("n", "planned", "effect", "low", "high", "sd", "p", "p_holm", "p_wilcoxon", "verdict", "detectable", "needed"),
    *("arm_mean", "baseline_mean", "rho", "unpaired_low", "unpaired_high", "hedges_g", "improvement", "equal"),
    *("failed", "expected"),
)


def judge_contrasts(runs: pd.DataFrame, contrasts: Iterable[Contrast]) -> pd.DataFrame:
    """A row per contrast, in COLUMNS; contrasts without a paired seed are `not reached`.

    effect, low, high: mean paired difference and its interval (simultaneous over the family, as the kind demands), in
    the unit. p: exact sign flips (noninferior, equivalent: against their bound); p_holm: over the study's contrasts on
    one claim, at least `family` of them. detectable, needed: effect and seeds at power 0.8. rho: correlation of the two
    arms over seeds; unpaired_*: Welch's interval; hedges_g: standardised by the arms' mean variance; improvement: share
    of seeds whose effect has the claimed sign. equal: seeds where an equality holds. failed: runs that did not finish.
    """
    rows = [_judge_contrast(runs, contrast) for contrast in contrasts]
    verdicts = pd.DataFrame(rows, columns=list(COLUMNS))
    for (_, _, size), family in verdicts.groupby(["study", "claim", "family"], sort=False):
        p = family["p"].astype(float)
        adjusted = adjust_holm([*p.fillna(1.0), *[1.0] * (int(size) - len(p))])
        verdicts.loc[family.index, "p_holm"] = np.where(p.isna(), math.nan, adjusted[: len(p)])
    return verdicts


def measure_effect(runs: pd.DataFrame, contrast: Contrast) -> pd.Series:
    """The contrast's effect for each seed that has all of its runs, in its unit; indexed by seed.

    Raises PoolscopeError where filters select several configurations or the measure isn't there.
    """
    within = contrast.where
    if contrast.kind == "slope":
        assert contrast.over is not None
        steps = [
            _measure(runs, contrast, {**within, **contrast.arm, contrast.over.column: value})
            for value in contrast.over.values
        ]
        seeds = pd.concat(steps, axis=1, join="inner").dropna()
        doublings = np.log2(np.asarray(contrast.over.values, dtype=float))
        centred = doublings - doublings.mean()
        return pd.Series(seeds.to_numpy() @ centred / (centred @ centred), index=seeds.index)
    effect = _pair(runs, contrast, within)
    if contrast.kind == "interaction":
        effect = effect - _pair(runs, contrast, {**within, **contrast.minus})
    return effect.dropna().sort_index()


def select_runs(runs: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """The runs whose cells equal all filters: numbers as numbers, lists as their text, None as an empty cell."""
    chosen = pd.Series(True, index=runs.index)
    for column, value in filters.items():
        chosen &= _match(runs[column], value) if column in runs else pd.Series(value is None, index=runs.index)
    return runs[chosen]


def is_supported(verdict: str) -> bool:
    """Whether a verdict says supported, strongly or not."""
    return verdict in ("supported", "strongly supported")


def is_refuted(verdict: str) -> bool:
    """Whether a verdict says refuted, in whatever way."""
    return verdict.startswith("refuted")


def _judge_contrast(runs: pd.DataFrame, contrast: Contrast) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS, math.nan)
    row |= {name: getattr(contrast, name) for name in COLUMNS if hasattr(contrast, name)}
    row |= {"n": 0, "verdict": NOT_REACHED, "failed": _count_failed(runs, contrast)}
    if contrast.kind == "exact":
        return row | _judge_equality(runs, contrast)
    effect = measure_effect(runs, contrast).to_numpy(dtype=float)
    if not len(effect):
        return row
    signed = contrast.sign * effect
    judges = {"noninferior": judge_noninferior, "equivalent": judge_equivalent}
    verdict = judges.get(contrast.kind, judge)(signed, contrast.delta, contrast.family)
    ends = sorted((contrast.sign * verdict.low, contrast.sign * verdict.high))
    row |= {"n": verdict.n, "verdict": verdict.verdict, "effect": contrast.sign * verdict.mean}
    row |= {"low": ends[0], "high": ends[1], "sd": verdict.sd, "p": _test(permute_signs, signed, contrast)}
    row |= {"p_wilcoxon": _test(_rank_signs, signed, contrast), **_find_reach(verdict, contrast.kind)}
    if contrast.kind != "slope":
        row |= _compare_arms(runs, contrast, effect)
    return row


def _judge_equality(runs: pd.DataFrame, contrast: Contrast) -> dict[str, Any]:
    """Seed by seed: equal to the baseline, or to a number."""
    values = _measure(runs, contrast, {**contrast.where, **contrast.arm})
    if contrast.equals is None:
        effect = values - _measure(runs, contrast, {**contrast.where, **contrast.baseline})
    else:
        effect = values - (100 if contrast.unit == "points" else 1) * contrast.equals
    effect = effect.dropna()
    if effect.empty:
        return {}
    equal, summary = int(np.isclose(effect, 0, atol=1e-9).sum()), summarise(effect.to_numpy())
    verdict = "supported" if equal == len(effect) else "refuted-unequal"
    return {"n": len(effect), "verdict": verdict, "equal": equal, "effect": summary.mean, "sd": summary.sd} | {
        "low": summary.low,
        "high": summary.high,
    }


def _find_reach(verdict: Verdict, kind: str) -> dict[str, float | None]:
    """The smallest effect (margin, for noninferior and equivalent) that n seeds show at power 0.8; seeds for delta."""
    family, power = {"noninferior": (verdict.family / 2, 0.8), "equivalent": (0.5, 0.9)}.get(
        kind, (verdict.family, 0.8)
    )
    if verdict.n < 2 or not verdict.sd > 0:
        return {"detectable": math.nan, "needed": math.nan}
    needed = find_needed(verdict.delta / verdict.sd, family, power)
    return {"detectable": verdict.sd * find_detectable(verdict.n, family, power), "needed": needed or math.nan}


def _test(test: Callable[[np.ndarray, str], float], signed: np.ndarray, contrast: Contrast) -> float:
    """The p of a one-sample test against zero, or against the bounds of noninferiority and equivalence."""
    if contrast.kind == "noninferior":
        return test(signed + contrast.delta, "greater")
    if contrast.kind == "equivalent":
        return max(test(signed + contrast.delta, "greater"), test(signed - contrast.delta, "less"))
    return test(signed, "two-sided")


def _rank_signs(differences: np.ndarray, alternative: str) -> float:
    """Wilcoxon's signed-rank p (1945)."""
    if len(differences) < 2 or not np.any(differences):
        return math.nan
    return float(stats.wilcoxon(differences, alternative=alternative).pvalue)


def _compare_arms(runs: pd.DataFrame, contrast: Contrast, effect: np.ndarray) -> dict[str, float]:
    """Both arms' means, their correlation over seeds, and what an unpaired analysis would say."""
    arm = _measure(runs, contrast, {**contrast.where, **contrast.arm})
    baseline = _measure(runs, contrast, {**contrast.where, **contrast.baseline})
    both = pd.concat([arm, baseline], axis=1, join="inner").dropna().to_numpy(dtype=float)
    row = {"arm_mean": float(both[:, 0].mean()), "baseline_mean": float(both[:, 1].mean())}
    row["improvement"] = float(np.mean(contrast.sign * effect > 0) + np.mean(effect == 0) / 2)
    if len(both) < 3 or not both.std(axis=0).all():
        return row
    row["rho"] = float(np.corrcoef(both.T)[0, 1])
    if contrast.kind != "interaction":
        welch = stats.ttest_ind(both[:, 0], both[:, 1], equal_var=False).confidence_interval(0.95)
        row |= {"unpaired_low": float(welch.low), "unpaired_high": float(welch.high)}
        correction = 1 - 3 / (4 * (len(both) - 1) - 1)
        row["hedges_g"] = correction * float(effect.mean()) / math.sqrt(both.var(axis=0, ddof=1).mean())
    return row


def _pair(runs: pd.DataFrame, contrast: Contrast, within: Filters) -> pd.Series:
    arm = _measure(runs, contrast, {**within, **contrast.arm})
    return arm - _measure(runs, contrast, {**within, **contrast.baseline})


def _measure(runs: pd.DataFrame, contrast: Contrast, filters: Filters) -> pd.Series:
    """The measure of the one configuration that the filters select, by seed, in the contrast's unit."""
    chosen = select_runs(runs, filters)
    chosen = chosen[chosen["status"] == "done"]
    if chosen["digest"].nunique() > 1:
        count, varying = chosen["digest"].nunique(), ", ".join(find_varying(chosen)) or "digest"
        raise PoolscopeError(
            f"Contrast {contrast.id} of study {contrast.study}: {_show(filters)} selects {count} configurations, which "
            f"differ in {varying}; add a filter to its claims.yaml."
        )
    if chosen.empty:
        return pd.Series(dtype="float64")
    if contrast.measure not in chosen or not pd.api.types.is_numeric_dtype(chosen[contrast.measure]):
        raise PoolscopeError(
            f"Contrast {contrast.id} of study {contrast.study}: the runs have no measure {contrast.measure!r}; it must "
            "be a column of numbers of the runs table."
        )
    seeds = chosen.set_index("seed")
    values = seeds[contrast.measure].astype(float)
    if contrast.unit == "points":
        return 100 * values
    if contrast.unit == "log_error":
        return -np.log((1 - values) * seeds["test_size"].astype(float) + 0.5)
    return values


def _match(cells: pd.Series, value: Any) -> pd.Series:
    if value is None:
        return cells.isna() | (cells.astype(str) == "")
    if isinstance(value, bool):
        return cells.astype(str) == str(value)
    if isinstance(value, (int, float)):
        return pd.to_numeric(cells, errors="coerce") == value
    if isinstance(value, (list, tuple)):
        return cells.astype(str) == json.dumps(value, separators=(",", ":"))
    return cells.astype(str) == str(value)


def _count_failed(runs: pd.DataFrame, contrast: Contrast) -> int:
    """Runs of the contrast's configurations that failed or diverged."""
    sides = [side for side in (contrast.arm, contrast.baseline) if side]
    withins = [contrast.where, *([{**contrast.where, **contrast.minus}] if contrast.minus else [])]
    chosen = pd.concat([select_runs(runs, {**within, **side}) for within in withins for side in sides])
    chosen = chosen.drop_duplicates(["digest", "seed"])
    return int((chosen["status"] != "done").sum())


def _show(filters: Filters) -> str:
    return ", ".join(f"{column}={value}" for column, value in filters.items())
