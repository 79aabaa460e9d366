"""From a study's runs and its contrasts to verdicts: paired effects, intervals, p values, what n could show.

Effects are arm - baseline in the contrast's unit; the verdict looks at them in the claimed direction.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.registration import hash_registration
from poolscope.statistics.arms import find_varying
from poolscope.statistics.claims import Contrast, Filters
from poolscope.statistics.context import describe_context
from poolscope.statistics.contrast_rule import Verdict, judge, judge_equivalent, judge_noninferior
from poolscope.statistics.images import find_image_variance, read_correct, read_scores
from poolscope.statistics.inference import find_detectable, find_needed, permute_signs, summarise
from poolscope.statistics.learning import find_unlearned
from poolscope.statistics.quantities import PAIRED, find_column, find_common_fit, pair_arms

NOT_REACHED, UNMET, DESCRIBED = "not reached", "premise not met", "described"
ADDED = "added after the runs"  # what `registration` says of such a contrast
COLUMNS = (
    *("claim", "id", "study", "hypothesis", "context", "kind", "measure", "unit", "direction", "delta", "family"),
    *("n", "planned", "effect", "low", "high", "sd", "p_hold", "p_fail", "verdict", "because"),
    *("p", "p_wilcoxon", "detectable", "needed", "image_error", "fit", "arm_mean", "baseline_mean", "rho"),
    *("unpaired_low", "unpaired_high", "hedges_g", "improvement", "equal", "failed", "unlearned"),
    *("revisions", "registration", "expected"),
)
_JUDGES = {"noninferior": judge_noninferior, "equivalent": judge_equivalent}


def judge_contrasts(
    runs: pd.DataFrame, contrasts: Iterable[Contrast], curves: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Judge each contrast from the runs of its study: a row in COLUMNS; one without a paired seed is `not reached`.

    effect, low, high: mean paired difference and its interval at level 1 - 0.05 / family, in the unit. p_hold, p_fail:
    one-sided, that the contrast doesn't hold or doesn't fail; 1 where it decides nothing, which `because` explains.
    p, p_wilcoxon: exact sign flips and signed ranks (noninferior, equivalent: against their bound). detectable,
    needed: effect (seeds) at which a t test on the seeds has power 0.8, not the rule. image_error: the share of the
    standard error that test images add. fit: the train loss or accuracy at which an effect at equal fit was read. rho:
    correlation of the two arms over seeds; unpaired_*: Welch's interval; hedges_g: standardised by the arms' mean
    variance; improvement: share of seeds whose effect has the claimed sign. equal: seeds where an equality holds.
    failed: runs that did not finish. unlearned: runs that finished at chance. revisions: of the code, in its runs.
    registration: what was registered when they were trained, compared with now.
    """
    rows = [_judge_contrast(runs, contrast, _given(curves)) for contrast in contrasts]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def measure_effect(runs: pd.DataFrame, contrast: Contrast, curves: pd.DataFrame | None = None) -> pd.Series:
    """Measure the contrast's effect for each seed that has all of its runs, in its unit; indexed by seed.

    Raises PoolscopeError where filters select several configurations or the measure isn't there.
    """
    if contrast.measure in PAIRED:
        effects = pair_arms(contrast.measure, *_select_both(runs, contrast), _given(curves))
        return _scale(contrast) * effects.dropna().sort_index()
    terms = [coefficient * _measure(runs, contrast, filters) for coefficient, filters in _list_terms(contrast)]
    values = pd.concat(terms, axis=1, join="inner").dropna()
    return values.sum(axis=1).sort_index() if len(values) else pd.Series(dtype="float64")


def select_runs(runs: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """Select the runs whose columns equal the filters: numbers as numbers, None as an empty cell or no column."""
    chosen = pd.Series(True, index=runs.index)
    for column, value in filters.items():
        chosen &= _match(runs[column], value) if column in runs else pd.Series(value is None, index=runs.index)
    return runs[chosen]


def is_supported(verdict: str) -> bool:
    """Tell whether a verdict is one of support, strong or not."""
    return verdict in ("supported", "strongly supported")


def is_refuted(verdict: str) -> bool:
    """Tell whether a verdict is one of refutation, in whatever way."""
    return verdict.startswith("refuted")


def _judge_contrast(runs: pd.DataFrame, contrast: Contrast, curves: pd.DataFrame) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS, math.nan)
    row |= {name: getattr(contrast, name) for name in COLUMNS if hasattr(contrast, name)}
    row |= {"n": 0, "verdict": NOT_REACHED, "p_hold": 1.0, "p_fail": 1.0, **_describe_runs(runs, contrast)}
    if contrast.unlearned == "left_out":
        runs = runs[~find_unlearned(runs)]
    if contrast.kind == "exact":
        row |= _judge_equality(runs, contrast)
    else:
        row |= _judge_effect(runs, contrast, curves)
    if row["n"] and contrast.because:
        return row | {"verdict": DESCRIBED, "p_hold": 1.0, "p_fail": 1.0}
    if row["n"] and not _meets_premise(runs, contrast):
        return row | {"verdict": UNMET, "p_hold": 1.0, "p_fail": 1.0}
    return row


def _judge_effect(runs: pd.DataFrame, contrast: Contrast, curves: pd.DataFrame) -> dict[str, Any]:
    effects = measure_effect(runs, contrast, curves)
    if effects.empty:
        return {}
    effect = effects.to_numpy(dtype=float)
    signed = contrast.sign * effect
    images = _find_image_variance(runs, contrast, effects.index)
    known = 0.0 if math.isnan(images) else images
    verdict = _JUDGES.get(contrast.kind, judge)(signed, contrast.delta, contrast.family, known)
    ends = sorted((contrast.sign * verdict.low, contrast.sign * verdict.high))
    row: dict[str, Any] = {"n": verdict.n, "verdict": verdict.verdict, "sd": verdict.sd}
    row |= {"effect": contrast.sign * verdict.mean, "low": ends[0], "high": ends[1]}
    row |= {"p_hold": verdict.p_hold, "p_fail": verdict.p_fail}
    row |= {"p": _test(permute_signs, signed, contrast), "p_wilcoxon": _test(_rank_signs, signed, contrast)}
    row |= _find_resolution(verdict)
    if verdict.sd > 0:
        row["image_error"] = math.sqrt(1 + images * verdict.n / verdict.sd**2) - 1
    if contrast.measure in PAIRED:
        row["fit"] = find_common_fit(contrast.measure, *_select_both(runs, contrast), _given(curves))
    if contrast.kind != "slope" and contrast.measure not in PAIRED:
        row |= _compare_arms(runs, contrast, effect)
    return row


def _judge_equality(runs: pd.DataFrame, contrast: Contrast) -> dict[str, Any]:
    """Seed by seed: equal to the baseline, or to a number."""
    if contrast.equals is None:
        effect = measure_effect(runs, contrast)
    else:
        effect = _measure(runs, contrast, {**contrast.where, **contrast.arm}) - _scale(contrast) * contrast.equals
    effect = effect.dropna()
    if effect.empty:
        return {}
    equal, summary = int(np.isclose(effect, 0, atol=1e-9).sum()), summarise(effect.to_numpy())
    holds = equal == len(effect)
    row: dict[str, Any] = {"n": len(effect), "verdict": "supported" if holds else "refuted-unequal", "equal": equal}
    row |= {"effect": summary.mean, "sd": summary.sd, "low": summary.low, "high": summary.high}
    return row | {"p_hold": float(not holds), "p_fail": float(holds)}


def _given(curves: pd.DataFrame | None) -> pd.DataFrame:
    return pd.DataFrame({"digest": [], "seed": [], "epoch": []}) if curves is None else curves


def _select_both(runs: pd.DataFrame, contrast: Contrast) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The finished runs of the arm and of the baseline."""
    arm, baseline = (_select_one(runs, contrast, filters) for _, filters in _list_terms(contrast)[:2])
    return arm, baseline


def _list_terms(contrast: Contrast) -> list[tuple[float, Filters]]:
    """The effect as a sum of coefficients times the measure of one configuration each."""
    if contrast.kind == "slope":
        assert contrast.over is not None
        doublings = np.log2(np.asarray(contrast.over.values, dtype=float))
        centred = doublings - doublings.mean()
        weights = (centred / (centred @ centred)).tolist()
        sides = [(1.0, contrast.arm), *([(-1.0, contrast.baseline)] if contrast.baseline else [])]
        return [
            (sign * weight, {**contrast.where, **side, contrast.over.column: value})
            for sign, side in sides
            for weight, value in zip(weights, contrast.over.values, strict=True)
        ]
    terms: list[tuple[float, Filters]] = [
        (1.0, {**contrast.where, **contrast.arm}),
        (-1.0, {**contrast.where, **contrast.baseline}),
    ]
    if contrast.kind == "interaction":
        terms += [(-coefficient, {**filters, **contrast.minus}) for coefficient, filters in terms]
    return terms


def _find_image_variance(runs: pd.DataFrame, contrast: Contrast, seeds: pd.Index) -> float:
    """The variance of the mean effect that the test images add, in squared units; NaN where it isn't known."""
    accuracy = contrast.measure == "test_accuracy"
    column, read = ("test_correct", read_correct) if accuracy else (f"image_scores.{contrast.measure}", read_scores)
    if column not in runs:
        return math.nan
    total: np.ndarray | float = 0.0
    for coefficient, filters in _list_terms(contrast):
        texts = _select_one(runs, contrast, filters).set_index("seed").loc[seeds, column].astype(str)
        if not texts.str.contains(":").all() or texts.str.partition(":")[0].nunique() > 1:
            return math.nan
        scores = read(texts.tolist())
        errors = float((1 - scores).mean())
        if (
            contrast.unit == "log_error"
        ):  # linearised: -ln(errors) changes by the change of accuracy over the error rate
            scores = scores / max(errors, 0.5 / scores.shape[1])
        if np.ndim(total) and np.shape(total) != scores.shape:  # of other images
            return math.nan
        total = total + coefficient * (100 if contrast.unit == "points" else 1) * scores
    return find_image_variance(np.asarray(total))


def _meets_premise(runs: pd.DataFrame, contrast: Contrast) -> bool:
    """Whether each mean that the premise is about lies above its bound, by a one-sided 95 % t bound."""
    side = contrast.baseline or contrast.arm
    for condition in contrast.premise:
        asked = Contrast(contrast.study, contrast.id, contrast.claim, "", condition.measure, condition.unit)
        values = _measure(runs, asked, {**contrast.where, **side})
        if not summarise(values.to_numpy(), 0.90).low > condition.above:
            return False
    return True


def _find_resolution(verdict: Verdict) -> dict[str, float | None]:
    """What a t test on n seeds finds at power 0.8 (against 0, or the margin), and the seeds it needs for delta."""
    if verdict.n < 2 or not verdict.sd > 0:
        return {"detectable": math.nan, "needed": math.nan}
    needed = find_needed(verdict.delta / verdict.sd, verdict.family)
    return {"detectable": verdict.sd * find_detectable(verdict.n, verdict.family), "needed": needed or math.nan}


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
    from scipy import stats  # takes longer to import than to compute with

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
        from scipy import stats

        welch = stats.ttest_ind(both[:, 0], both[:, 1], equal_var=False).confidence_interval(0.95)
        row |= {"unpaired_low": float(welch.low), "unpaired_high": float(welch.high)}
        correction = 1 - 3 / (4 * (len(both) - 1) - 1)
        row["hedges_g"] = correction * float(effect.mean()) / math.sqrt(both.var(axis=0, ddof=1).mean())
    return row


def _measure(runs: pd.DataFrame, contrast: Contrast, filters: Filters) -> pd.Series:
    """The measure of the one configuration that the filters select, by seed, in the contrast's unit."""
    chosen = _select_one(runs, contrast, filters)
    if chosen.empty:
        return pd.Series(dtype="float64")
    values = find_column(chosen, contrast.measure)
    if values is None:
        raise PoolscopeError(
            f"Contrast {contrast.id} of study {contrast.study}: the runs have no measure {contrast.measure!r}; it must "
            "be a column of numbers of the runs table."
        )
    values = values.astype(float)
    if contrast.unit == "log_error":
        values = -np.log((1 - values) * chosen["test_size"].astype(float) + 0.5)
    return (_scale(contrast) * values).set_axis(chosen["seed"])


def _select_one(runs: pd.DataFrame, contrast: Contrast, filters: Filters) -> pd.DataFrame:
    """The finished runs of the one configuration that the filters select."""
    chosen = select_runs(runs, filters)
    chosen = chosen[chosen["status"] == "done"]
    if chosen["digest"].nunique() > 1:
        count, varying = chosen["digest"].nunique(), ", ".join(find_varying(chosen)) or "digest"
        raise PoolscopeError(
            f"Contrast {contrast.id} of study {contrast.study}: {_show(filters)} selects {count} configurations, which "
            f"differ in {varying}; add a filter to its claims.yaml."
        )
    return chosen


def _scale(contrast: Contrast) -> float:
    return 100.0 if contrast.unit == "points" else 1.0


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


def _describe_runs(runs: pd.DataFrame, contrast: Contrast) -> Mapping[str, Any]:
    """Where the contrast's runs were trained, on what, and how many failed or ended at chance."""
    chosen = pd.concat([select_runs(runs, filters) for _, filters in _list_terms(contrast)])
    if contrast.kind == "exact" and not contrast.baseline:
        chosen = select_runs(runs, {**contrast.where, **contrast.arm})
    chosen = chosen.drop_duplicates(["digest", "seed"])
    revisions = chosen.get("provenance.git_revision", pd.Series(dtype="str"))
    return {
        "context": describe_context(chosen),
        "failed": int((chosen["status"] != "done").sum()),
        "unlearned": int(find_unlearned(chosen).sum()),
        "revisions": int(revisions.nunique()),
        "registration": _check_registration(chosen, contrast),
    }


def _check_registration(runs: pd.DataFrame, contrast: Contrast) -> str:
    """What the runs recorded of the study's registration against what is registered now."""
    if not contrast.registered:
        return ADDED
    current = hash_registration(contrast.study)
    columns = {part: runs.get(f"provenance.registration.{part}") for part in current}
    if runs.empty or not current or any(column is None or (column == "").any() for column in columns.values()):
        return "" if runs.empty else "no hash recorded"
    changed = [part for part, column in columns.items() if column is not None and (column != current[part]).any()]
    return f"changed: {', '.join(changed)}" if changed else "as registered"


def _show(filters: Filters) -> str:
    return ", ".join(f"{column}={value}" for column, value in filters.items())
