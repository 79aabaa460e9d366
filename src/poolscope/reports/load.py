"""A study in Python and notebooks: its tidy tables, summaries, verdicts and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from poolscope.reports.export import Export
from poolscope.reports.figures.paper import WIDTHS, check_drawing, plot_learning, plot_selection
from poolscope.statistics.arms import add_arms
from poolscope.statistics.claims import find_contrasts
from poolscope.statistics.classes import add_balanced, compare_classes
from poolscope.statistics.selection import Selection, select
from poolscope.statistics.tables import Tables, collect
from poolscope.statistics.verdicts import judge_contrasts


@dataclass(frozen=True)
class Study:
    """A study's results; `load` makes it.

    Example:
        >>> study = load("quickstart")  # doctest: +SKIP
        >>> study.runs.groupby("arm")["test_accuracy"].mean()  # doctest: +SKIP
    """

    name: str
    tables: Tables

    @property
    def runs(self) -> pd.DataFrame:
        """A row per run: configuration, scalars, balanced_accuracy, provenance; and its setting, arm and operator."""
        return add_arms(add_balanced(self.tables.runs, self.tables.confusion))

    @property
    def curves(self) -> pd.DataFrame:
        """A row per run and epoch, with setting and arm."""
        return self._label(self.tables.curves)

    @property
    def confusion(self) -> pd.DataFrame:
        """A row per run and true class, with setting and arm; counts: of test images predicted as class 0, 1, ..."""
        return self._label(self.tables.confusion)

    def summary(
        self, metric: str = "test_accuracy", arms: Sequence[str] = (), baseline: str = "max", where: Sequence[str] = ()
    ) -> pd.DataFrame:
        """A row per arm: n, mean, low, high, and the paired difference to its baseline; see `select`."""
        return self.select(metric, arms, baseline, where).summary

    def classes(self) -> pd.DataFrame:
        """A row per arm and class: accuracy on test images with its interval."""
        return compare_classes(add_arms(self.tables.runs), self.tables.confusion)

    def verdicts(self) -> pd.DataFrame:
        """A row per registered contrast of the study, judged; without rows where it has none."""
        return judge_contrasts(self.tables.runs, find_contrasts(self.name), self.tables.curves)

    def figure(
        self,
        metric: str = "test_accuracy",
        arms: Sequence[str] = (),
        baseline: str = "max",
        where: Sequence[str] = (),
        kind: str = "strip",
        width: float = WIDTHS["page"],
        font: str = "sans",
    ) -> Figure:
        """A figure of one quantity by arm (strip) or of learning curves (curves), at a width in inches.

        Raises PoolscopeError for a kind, a width or a font that there isn't, and as `select` does.
        """
        check_drawing(kind, width, font)
        selection = self.select(metric, arms, baseline, where)
        if kind == "curves":
            return plot_learning(selection, self.tables.curves, width, font)
        return plot_selection(selection, width, font)

    def select(
        self, metric: str = "test_accuracy", arms: Sequence[str] = (), baseline: str = "max", where: Sequence[str] = ()
    ) -> Selection:
        """One quantity of some arms: every value and the summary; see `poolscope.statistics.selection.select`."""
        return select(self.tables, metric, arms, baseline, where)

    def prepare(
        self, metric: str, arms: Sequence[str], baseline: str, where: Sequence[str], kind: str, width: float, font: str
    ) -> Export:
        """An export, for `poolscope.reports.export.write_export`; kind "none" is without figure."""
        figure = None if kind == "none" else self.figure(metric, arms, baseline, where, kind, width, font)
        return Export(
            self.name, self.tables, self.select(metric, arms, baseline, where), figure, font, kind == "curves"
        )

    def _label(self, frame: pd.DataFrame) -> pd.DataFrame:
        return add_arms(self.tables.runs)[["digest", "seed", "setting", "arm"]].merge(frame, on=["digest", "seed"])


def load(study: str, results: str | Path = "results") -> Study:
    """Load a study's records and committed tables.

    Args:
        study: its name.
        results: the folder of studies and records.

    Raises:
        PoolscopeError: where the study has no runs.
    """
    return Study(study, collect(results, study))
