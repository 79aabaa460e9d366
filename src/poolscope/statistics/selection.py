"""One quantity of some of a study's arms: every value, and by arm its mean and paired difference with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from poolscope.spec.errors import PoolscopeError
from poolscope.statistics.arms import add_arms, check_baseline, filter_runs, find_baselines
from poolscope.statistics.classes import add_balanced
from poolscope.statistics.inference import LEVEL, contrast_arms, find_bounds, list_differences, summarise
from poolscope.statistics.quantities import DERIVED, find_column
from poolscope.statistics.tables import Tables
from poolscope.store.checks import IDENTITY, is_scalar

_WORDS = {"test_accuracy": "test accuracy", "generalisation_gap": "gap", "val_accuracy": "validation accuracy"}


@dataclass(frozen=True)
class Selection:
    """One quantity of the finished runs of some arms.

    metric: its column; scale: 100 for fractions, which are shown in per cent or points. done: finished runs with the
    columns setting, arm and <metric>. baselines: {(setting, arm): arm that it is compared with}. summary: a row per
    setting and arm: n, mean, low, high, baseline, pairs, difference, difference_low, difference_high, p, p_holm,
    level; values already scaled. values: a row per run: setting, arm, seed, digest, value, difference.
    """

    metric: str
    scale: float
    done: pd.DataFrame
    baselines: dict[tuple[str, str], str]
    summary: pd.DataFrame
    values: pd.DataFrame

    @property
    def words(self) -> str:
        """The quantity in words."""
        return _WORDS.get(self.metric, self.metric.replace("_", " "))

    @property
    def unit(self) -> str:
        """The unit of its values: "%", "points" or nothing."""
        return "" if self.scale == 1 else "points" if self.metric.endswith("gap") else "%"


def select(
    tables: Tables,
    metric: str = "test_accuracy",
    arms: Sequence[str] = (),
    baseline: str = "max",
    where: Sequence[str] = (),
) -> Selection:
    """Select a quantity of a study's arms.

    Args:
        tables: of the study.
        metric: a number of the runs table, such as test_accuracy, or balanced_accuracy or another derived one.
        arms: names of arms, or of operators for all their arms; default: all. One may stand without a list.
        baseline: arm or operator that the others are compared with.
        where: conditions such as "data.train_size=1000"; only runs that meet all of them are taken.

    Raises:
        PoolscopeError: naming what there is, where a metric, arm, baseline or condition fits nothing.
    """
    arms, where = ([value] if isinstance(value, str) else value for value in (arms, where))
    runs = filter_runs(add_balanced(tables.runs, tables.confusion), where)
    labelled = add_arms(runs)
    done = labelled[labelled["status"] == "done"]
    values = find_column(done, metric)
    if done.empty or values is None or values.isna().all() or metric in IDENTITY:
        known = [
            name
            for name in dict.fromkeys([*done, *DERIVED])
            if name in DERIVED or (is_scalar(name) and _is_number(done[name]))
        ]
        raise PoolscopeError(f"The finished runs have no {metric!r}; they have {', '.join(known) or 'nothing'}.")
    done = done.assign(**{metric: values.astype(float)}).dropna(subset=[metric])
    check_baseline(done, baseline)
    baselines = find_baselines(done, baseline)
    if arms:
        done = _choose(done, arms, baselines)
        baselines = {key: value for key, value in baselines.items() if key[1] in set(done["arm"])}
    scale = 100.0 if find_bounds(metric)[1] == 1 else 1.0
    return Selection(
        metric,
        scale,
        done,
        baselines,
        _summarise(done, baselines, metric, scale),
        _list_values(done, baselines, metric, scale),
    )


def _choose(done: pd.DataFrame, arms: Sequence[str], baselines: dict[tuple[str, str], str]) -> pd.DataFrame:
    """The runs of these arms, and of those that they are compared with."""
    for name in arms:
        if name not in {*done["arm"], *done["operator"]}:
            raise PoolscopeError(f"There is no arm {name!r}; there are {', '.join(done['arm'].unique())}.")
    chosen = done[done["arm"].isin(arms) | done["operator"].isin(arms)]
    against = {
        (setting, baselines[setting, arm]) for setting, arm in zip(chosen["setting"], chosen["arm"], strict=True)
    }
    wanted = {*zip(chosen["setting"], chosen["arm"], strict=True), *against}
    return done[[pair in wanted for pair in zip(done["setting"], done["arm"], strict=True)]]


def _summarise(done: pd.DataFrame, baselines: dict[tuple[str, str], str], metric: str, scale: float) -> pd.DataFrame:
    bounds = find_bounds(metric)
    contrasts = contrast_arms(done, baselines, metric, scale).set_index(["setting", "arm"])
    rows = []
    for (setting, arm), baseline in baselines.items():
        runs = done[(done["setting"] == setting) & (done["arm"] == arm)]
        mean = summarise(scale * runs[metric].to_numpy(), bounds=(scale * bounds[0], scale * bounds[1]))
        row = {"setting": setting, "arm": arm, "n": mean.n, "mean": mean.mean, "low": mean.low, "high": mean.high}
        row |= {"baseline": baseline, "pairs": 0}
        nothing = dict.fromkeys(("difference", "difference_low", "difference_high", "p", "p_holm"), float("nan"))
        if arm != baseline:
            found = contrasts.loc[(setting, arm)]
            row["pairs"] = int(found["n"])
            nothing = {"difference": found["difference"], "difference_low": found["low"]}
            nothing |= {"difference_high": found["high"], "p": found["p"], "p_holm": found["p_holm"]}
        rows.append(row | nothing | {"level": LEVEL})
    return pd.DataFrame(rows)


def _list_values(done: pd.DataFrame, baselines: dict[tuple[str, str], str], metric: str, scale: float) -> pd.DataFrame:
    values = done[["setting", "arm", "seed", "digest"]].assign(value=scale * done[metric])
    differences = list_differences(done, baselines, metric, scale)[["setting", "arm", "seed", "difference"]]
    return values.merge(differences, how="left", on=["setting", "arm", "seed"])


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and column.notna().any())
