"""What a report says: sections of sentences, tables and figures; and the general analysis that fits any sweep.

A study's own experiments/<study>/analysis.py has one function, analyse(tables) -> Analysis; it may start from
`analyse_sweep` and add its sections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from poolscope.reports.answer import say_comparison_answer, say_study_answer, say_verdicts_answer
from poolscope.reports.comparison import (
    say_hollow,
    say_missing,
    say_unlearned,
    show_classes,
    show_comparison,
    show_contrasts,
)
from poolscope.reports.document import Plot, Section
from poolscope.reports.figures.ledger import plot_verdicts
from poolscope.reports.figures.measures import (
    plot_agreement,
    plot_corruptions,
    plot_cost,
    plot_shift_curves,
    plot_stage_information,
)
from poolscope.reports.figures.study import (
    plot_accuracy,
    plot_confusion,
    plot_curves,
    plot_feature_maps,
    plot_gap,
    plot_heat_maps,
)
from poolscope.reports.protocol import describe_protocol, say_factors, say_protocol
from poolscope.reports.verdicts import say_interim, say_verdicts, show_verdicts
from poolscope.spec.config import PROBED
from poolscope.statistics.arms import add_arms, find_baselines
from poolscope.statistics.claims import Contrast
from poolscope.statistics.classes import add_balanced, compare_classes, is_unbalanced, read_labels
from poolscope.statistics.comparison import add_validation, compare_arms, list_missing
from poolscope.statistics.inference import contrast_arms
from poolscope.statistics.tables import Tables, sum_confusion
from poolscope.statistics.verdicts import judge_contrasts

INTERVAL = (
    "Lines are 95 % t intervals over seeds, for this test set; dots are single seeds; points are percentage points; "
    "a value outside of a panel is written at its edge."
)


@dataclass(frozen=True)
class Analysis:
    """What is reported of one study. extra: further tables, written as tables/<name>.csv; answer: what was found."""

    comparison: pd.DataFrame
    sections: tuple[Section, ...]
    extra: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    answer: str = ""

    def add(self, *sections: Section) -> Analysis:
        """The same analysis with these sections first."""
        return replace(self, sections=(*sections, *self.sections))


def analyse_sweep(tables: Tables, baseline: str = "max", by: Sequence[str] = ()) -> Analysis:
    """Compare all arms of any study: accuracy, overfitting, factors, curves, errors, maps, contrasts, protocol.

    baseline: the operator or arm that the others are compared with (`arms.find_baselines`). by: keys whose values are
    compared apart, like data sets.
    """
    unbalanced = is_unbalanced(tables.confusion)
    everything = add_arms(add_balanced(tables.runs, tables.confusion) if unbalanced else tables.runs, by=by)
    missing = list_missing(everything)
    done = everything[everything["status"] == "done"]
    extra = {"comparison": compare_arms(everything, baseline)}
    comparison = add_validation(extra["comparison"], done)
    sections = [
        Section("Comparison", (say_factors(tables.runs), *say_unlearned(comparison)), show_comparison(comparison))
    ]
    if len(done) and "test_accuracy" in done:
        baselines = find_baselines(done, baseline)
        contrasts = _contrast_metrics(done, baselines)
        extra["contrasts"] = contrasts
        sections[0] = replace(sections[0], plots=(_plot_comparison(done, baselines),))
        if "generalisation_gap" in done:
            sections.append(_section_gap(done, baselines))
        sections += _section_factors(done)
        sections += _section_curves(done, tables.curves, baselines)
        sections += _section_errors(done, tables.confusion, baselines)
        if unbalanced or _are_named(done):
            classes = compare_classes(everything, tables.confusion)
            extra["classes"] = classes
            sections.append(Section("Classes", (_CLASSES,), show_classes(classes)))
        sections += _section_maps(done, tables.feature_maps)
        sections += _section_measures(done, baselines)
        if len(contrasts):
            sections.append(Section("Paired contrasts", (_CONTRASTS,), show_contrasts(contrasts)))
    sections.append(Section("Runs that are missing", (say_missing(missing),), missing if len(missing) else None))
    sections.append(
        Section("Protocol", ("Every number above was measured under this protocol.",), describe_protocol(everything))
    )
    return Analysis(comparison, tuple(sections), extra, say_comparison_answer(comparison))


def add_verdicts(analysis: Analysis, tables: Tables, contrasts: Sequence[Contrast]) -> Analysis:
    """The same analysis with what its study's contrasts say first; unchanged where it has none."""
    if not contrasts:
        return analysis
    verdicts = judge_contrasts(tables.runs, contrasts, tables.curves)
    caption = (
        "Effect of each contrast in the direction that its hypothesis claims, in units of the smallest effect that "
        "matters (δ), with its 95 % interval, simultaneous over all contrasts that decide the claim (alone for those "
        "that are only described); the band is (-δ, δ); t det.: the effect that a t test against 0 finds with "
        "probability 0.8 with n seeds, which is not the power of the rule. "
        f"{say_protocol(add_arms(tables.runs[tables.runs['status'] == 'done']))}"
    )
    plot = Plot("verdicts", plot_verdicts(verdicts), caption)
    judged = Section("Verdicts", say_interim(verdicts), show_verdicts(verdicts), (plot,))
    rule = Section("How the verdicts were reached", say_verdicts(verdicts))
    answer = say_study_answer(contrasts[0].study, verdicts) + (say_verdicts_answer(verdicts) or analysis.answer)
    return replace(analysis.add(judged, rule), extra={**analysis.extra, "verdicts": verdicts}, answer=answer)


_CONTRASTS = (
    "Difference of an arm to its baseline with the same seed, in percentage points, with a 95 % t interval for each "
    "contrast alone. p: exact test over all 2^n sign flips (sampled beyond 16 seeds), then adjusted by Holm over the "
    "contrasts of one setting and metric. With n seeds p can't fall below 2 / 2^n: fewer than 6 never reach 0.05."
)


def _contrast_metrics(done: pd.DataFrame, baselines: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    metrics = [name for name in ("test_accuracy", "generalisation_gap") if name in done]
    frames = [contrast_arms(done, baselines, metric, scale=100).assign(metric=metric) for metric in metrics]
    contrasts = pd.concat(frames, ignore_index=True)
    return contrasts[["metric", *(column for column in contrasts if column != "metric")]]


def _plot_comparison(done: pd.DataFrame, baselines: Mapping[tuple[str, str], str]) -> Plot:
    caption = "Test accuracy after the last epoch, and its difference to the baseline, paired by seed."
    caption = f"{caption} {INTERVAL}{say_hollow(done)} {say_protocol(done)}"
    return Plot("accuracy", plot_accuracy(done, baselines), caption)


def _section_gap(done: pd.DataFrame, baselines: Mapping[tuple[str, str], str]) -> Section:
    text = (
        "The generalisation gap is accuracy on clean training images minus accuracy on test images. A smaller gap "
        "alone doesn't mean less overfitting: with higher test accuracy the arm generalises better, with lower it "
        "underfits."
    )
    caption = (
        "Left: gap by arm. Right: change of test accuracy against change of the gap, both paired by seed with the "
        f"baseline. {INTERVAL}{say_hollow(done)} {say_protocol(done)}"
    )
    return Section("Overfitting", (text,), plots=(Plot("gap", plot_gap(done, baselines), caption),))


def _section_factors(done: pd.DataFrame) -> list[Section]:
    plots = []
    for x, y, name in (("pool.window", "pool.stride", "window_stride"), ("model.blocks", "model.pool_stages", "depth")):
        for value, unit in (
            ("test_accuracy", "test accuracy in %"),
            ("generalisation_gap", "gap in percentage points"),
        ):
            if not {x, y, value} <= set(done):
                continue
            figure = plot_heat_maps(done, x, y, value)
            if figure is not None:
                caption = f"Mean {unit}, ± half of the 95 % t interval over n seeds. {say_protocol(done)}"
                plots.append(Plot(f"{name}_{value}", figure, caption))
    return [Section("Factors", plots=tuple(plots))] if plots else []


def _section_measures(done: pd.DataFrame, baselines: Mapping[tuple[str, str], str]) -> list[Section]:
    """What was measured beyond accuracy (measure=full); nothing for studies that measured less."""
    shifts = plot_shift_curves(done)
    if shifts is None:
        return []
    protocol = say_protocol(done)
    plots = [
        Plot("shift_curves", shifts, f"Accuracy on {say_probed(done)} against distance; 95 % t bands. {protocol}"),
        Plot("cost", plot_cost(done), f"Test accuracy against the cost of one image. {protocol}"),
    ]
    for setting in done["setting"].unique():
        runs, name = done[done["setting"] == setting], str(setting).replace(" ", "_")
        drawn = (
            (
                "stage_information",
                plot_stage_information(runs, setting),
                "information before and after each pool, mean of all seeds",
            ),
            ("agreement", plot_agreement(runs, setting), "test images predicted as unshifted, by shift, wrapped"),
            ("corruptions", plot_corruptions(runs, baselines, setting), f"{say_probed(runs)}, mean over severities"),
        )
        plots += [
            Plot(f"{kind}_{name}", figure, f"{setting}: {caption}. {say_protocol(runs)}")
            for kind, figure, caption in drawn
            if figure is not None
        ]
    return [Section("Information, shifts, corruptions and cost", plots=tuple(plots))]


def say_probed(runs: pd.DataFrame) -> str:
    """Say how many test images were shifted and corrupted: "500 test images"."""
    asked = runs["measure.images"] if "measure.images" in runs else pd.Series(np.nan, index=runs.index)
    counts = np.minimum(asked.astype(float).fillna(PROBED), runs["test_size"].astype(float).fillna(np.inf))
    return f"{' or '.join(f'{count:,.0f}' for count in sorted(counts.unique()))} test images"


def _section_curves(
    done: pd.DataFrame, curves: pd.DataFrame, baselines: Mapping[tuple[str, str], str]
) -> list[Section]:
    plots = []
    for setting, runs in done.groupby("setting", sort=False):
        for metric in ("accuracy", "loss"):
            kept = runs[["digest", "seed"]].merge(curves, on=["digest", "seed"])
            if f"val_{metric}" in kept and kept[f"val_{metric}"].notna().any():
                caption = (
                    f"{setting}: {metric} over epochs; mean and 95 % t band over seeds; thin lines are single seeds. "
                    f"The panel holds every mean; single seeds and bands may leave it. {say_protocol(runs)}"
                )
                name = _name_plot(f"curves_{metric}", str(setting), done)
                plots.append(Plot(name, plot_curves(done, curves, str(setting), metric, baselines), caption))
    return [Section("Learning curves", plots=tuple(plots))] if plots else []


def _section_errors(
    done: pd.DataFrame, confusion: pd.DataFrame, baselines: Mapping[tuple[str, str], str]
) -> list[Section]:
    """Confusion of the baseline and of the arm best on validation images, a choice that test images don't make."""
    matrices = []
    choose = "val_accuracy" if "val_accuracy" in done else "train_eval_accuracy"
    for setting, runs in done.groupby("setting", sort=False):
        first = next(baseline for (name, _), baseline in baselines.items() if name == setting)
        arms = [first]
        if choose in runs:
            arms += [arm for arm in runs.groupby("arm", sort=False)[choose].mean().nlargest(2).index if arm != first][
                :1
            ]
        for arm in arms:
            chosen = runs[runs["arm"] == arm]
            counts = sum_confusion(confusion, chosen["digest"].iloc[0], chosen["seed"])
            if counts.size:
                matrices.append((f"{setting}: {arm} (n = {len(chosen)})", counts))
    if not matrices:
        return []
    caption = (
        "Per cent of each true class, summed over seeds, for the baseline and for the arm with the best mean "
        f"validation accuracy besides. {say_protocol(done)}"
    )
    return [Section("Errors", plots=(Plot("confusion", plot_confusion(matrices), caption),))]


_CLASSES = (
    "Accuracy on the test images of each class, in per cent, with 95 % t intervals over n seeds. Balanced accuracy, "
    "where it is given, is the mean over classes: it weighs a rare class like a frequent one."
)


def _are_named(done: pd.DataFrame) -> bool:
    """Whether the classes of any data set have names, as those of one's own images do."""
    return any(read_labels(runs) for _, runs in done.groupby("setting", sort=False))


def _section_maps(done: pd.DataFrame, feature_maps: pd.DataFrame) -> list[Section]:
    plots = []
    for setting in done["setting"].unique():
        figure = plot_feature_maps(done, feature_maps, setting)
        if figure is None:
            continue
        caption = (
            f"{setting}: a test image, then for each trained arm the first pooling stage, before (above) and after "
            "(below) the pool: one seed, the kept channel that varies most; black to white: the range before the pool."
        )
        shown = {panel.get_title(loc="left") for panel in figure.axes}
        absent = [arm for arm in done.loc[done["setting"] == setting, "arm"].unique() if arm not in shown]
        caption += (
            f" Omitted, without feature maps of both sides or beyond the figure's panels: {', '.join(absent)}."
            if absent
            else ""
        )
        plots.append(Plot(_name_plot("feature_maps", setting, done), figure, caption))
    return [Section("Feature maps", plots=tuple(plots))] if plots else []


def _name_plot(stem: str, setting: str, done: pd.DataFrame) -> str:
    """The stem, and the setting where there are several, as a file name."""
    if done["setting"].nunique() == 1:
        return stem
    return f"{stem}_{''.join(letter if letter.isalnum() else '_' for letter in setting)}"
