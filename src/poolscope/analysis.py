"""What a report says: sections of sentences, tables and figures; and the general analysis that fits any sweep.

A study's own experiments/<study>/analysis.py has one function, analyse(tables) -> Analysis; it may start from
`analyse_sweep` and add its sections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd
from matplotlib.figure import Figure

from poolscope.arms import add_arms, factors, find_baselines, find_varying, show_value
from poolscope.panels import plot_accuracy, plot_confusion, plot_curves, plot_feature_maps, plot_gap, plot_heat_maps
from poolscope.stats import contrast_arms, summarise
from poolscope.tables import Tables, sum_confusion

INTERVAL = "Lines and ± are 95 % t intervals over seeds, for this test set; small dots are single seeds."


@dataclass(frozen=True)
class Plot:
    """A figure, the name of its files, and a caption that states n, interval, data and protocol."""

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Section:
    """A heading with sentences, then a table of texts, then figures."""

    title: str
    text: tuple[str, ...] = ()
    table: pd.DataFrame | None = None
    plots: tuple[Plot, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """What is reported of one study. extra: further tables, written as tables/<name>.csv."""

    comparison: pd.DataFrame
    sections: tuple[Section, ...]
    extra: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def add(self, *sections: Section) -> Analysis:
        """The same analysis with these sections first."""
        return replace(self, sections=(*sections, *self.sections))


def analyse_sweep(tables: Tables, baseline: str = "max") -> Analysis:
    """Compare all arms of any study: accuracy, overfitting, factors, curves, errors, maps, contrasts, protocol.

    baseline: the operator that the others are compared with (`arms.find_baselines`).
    """
    everything = add_arms(tables.runs)
    missing = list_missing(everything)
    comparison = compare_arms(everything, baseline)
    sections = [Section("Comparison", (_say_factors(tables.runs),), show_comparison(comparison))]
    extra = {"comparison": comparison}
    done = everything[everything["status"] == "done"]
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
        sections += _section_maps(done, tables.feature_maps)
        if len(contrasts):
            sections.append(Section("Paired contrasts", (_CONTRASTS,), show_contrasts(contrasts)))
    sections.append(Section("Runs that are missing", (_say_missing(missing),), missing if len(missing) else None))
    sections.append(
        Section("Protocol", ("Every number above was measured under this protocol.",), describe_protocol(everything))
    )
    return Analysis(comparison, tuple(sections), extra)


_CONTRASTS = (
    "Difference of an arm to its baseline with the same seed, in percentage points, with a 95 % t interval for each "
    "contrast alone. p: exact test over all sign flips (2 to the power of n; sampled beyond 16 seeds), and adjusted by "
    "Holm over the contrasts of one setting and metric. With n seeds p can't fall below 2 / 2^n: fewer than 6 seeds never "
    "reach 0.05."
)


def compare_arms(labelled: pd.DataFrame, baseline: str = "max") -> pd.DataFrame:
    """A row per setting and arm, best mean test accuracy first; means over finished runs, in the units of the runs table.

    Columns: setting, arm, runs, n, <metric>, <metric>_low, <metric>_high, difference (points), its bounds, p_holm, cost.
    """
    done = labelled[labelled["status"] == "done"]
    baselines = find_baselines(done, baseline) if len(done) else {}
    contrasts = (
        contrast_arms(done, baselines, "test_accuracy", 100) if "test_accuracy" in done else contrast_arms(done, {}, "")
    )
    differences = contrasts.set_index(["setting", "arm"])
    rows = []
    for (setting, arm), runs in labelled.groupby(["setting", "arm"], sort=False):
        finished = runs[runs["status"] == "done"]
        row: dict[str, object] = {"setting": setting, "arm": arm, "runs": len(runs), "n": len(finished)}
        for column in ("test_accuracy", "train_eval_accuracy", "generalisation_gap"):
            summary = summarise(finished[column].to_numpy() if column in runs else [])
            row |= {column: summary.mean, f"{column}_low": summary.low, f"{column}_high": summary.high}
        row["baseline"] = baselines.get((str(setting), str(arm)), "")
        contrast = differences.loc[(setting, arm)] if (setting, arm) in differences.index else None
        for column in ("difference", "low", "high", "p", "p_holm"):
            name = f"difference_{column}" if column in ("low", "high") else column
            row[name] = contrast[column] if contrast is not None else float("nan")
        for column in ("parameters", "macs", "seconds_train"):
            row[column] = summarise(finished[column].to_numpy() if column in runs else []).mean
        rows.append(row)
    comparison = pd.DataFrame(rows)
    place = {setting: rank for rank, setting in enumerate(comparison["setting"].unique())}
    ranked = comparison.assign(_place=comparison["setting"].map(place))
    ranked = ranked.sort_values(["_place", "test_accuracy"], ascending=[True, False], kind="stable", na_position="last")
    return ranked.drop(columns="_place").reset_index(drop=True)


def show_comparison(comparison: pd.DataFrame) -> pd.DataFrame:
    """The comparison as texts, for people: per cent, percentage points, ± half of a 95 % interval."""
    rows = []
    for row in comparison.to_dict("records"):
        is_baseline = row["arm"] == row["baseline"]
        rows.append(
            {
                "data set": row["setting"],
                "arm": row["arm"],
                "n": str(row["n"]) if row["n"] == row["runs"] else f"{row['n']} of {row['runs']}",
                "test accuracy (%)": _show_mean(row, "test_accuracy"),
                "train accuracy (%)": _show_mean(row, "train_eval_accuracy"),
                "gap (points)": _show_mean(row, "generalisation_gap"),
                "against": "" if is_baseline else row["baseline"],
                "difference (points)": "baseline" if is_baseline else show_interval(row, "difference"),
                "p (Holm)": _show_p(row["p_holm"]),
                "parameters": _show_count(row["parameters"]),
                "MACs": _show_count(row["macs"]),
                "train (s)": "" if _absent(row["seconds_train"]) else f"{row['seconds_train']:.1f}",
            }
        )
    return _drop_constant(pd.DataFrame(rows))


def show_contrasts(contrasts: pd.DataFrame) -> pd.DataFrame:
    """The contrasts as texts, for people."""
    return _drop_constant(
        pd.DataFrame(
            [
                {
                    "data set": row["setting"],
                    "metric": row["metric"].replace("_", " "),
                    "arm": row["arm"],
                    "against": row["baseline"],
                    "n": str(row["n"]),
                    "difference (points)": f"{row['difference']:+.2f}" if row["n"] else "",
                    "95 % interval": f"{row['low']:+.2f} to {row['high']:+.2f}" if row["n"] > 1 else "",
                    "p": _show_p(row["p"]),
                    "p (Holm)": _show_p(row["p_holm"]),
                    "note": row["note"],
                }
                for row in contrasts.to_dict("records")
            ]
        )
    )


def show_interval(row: Mapping[str, float], name: str) -> str:
    """+0.42 ± 0.31 of a row with columns <name>, <name>_low and <name>_high."""
    if _absent(row[name]):
        return ""
    half = (row[f"{name}_high"] - row[f"{name}_low"]) / 2
    return f"{row[name]:+.2f}" + ("" if _absent(half) else f" ± {half:.2f}")


def list_missing(labelled: pd.DataFrame) -> pd.DataFrame:
    """A row per run that failed, diverged, or that other arms of its setting have: data set, arm, seed, status, reason."""
    rows = []
    for setting, runs in labelled.groupby("setting", sort=False):
        seeds = sorted(runs["seed"].unique())
        for arm, of_arm in runs.groupby("arm", sort=False):
            recorded = of_arm.set_index("seed")
            for seed in seeds:
                if seed not in recorded.index:
                    status, reason = "not recorded", "other arms have this seed"
                else:
                    status, reason = recorded.loc[seed, "status"], recorded.loc[seed, "reason"]
                if status != "done":
                    rows.append(
                        {"data set": setting, "arm": arm, "seed": str(seed), "status": status, "reason": reason}
                    )
    return pd.DataFrame(rows, columns=["data set", "arm", "seed", "status", "reason"])


def describe_protocol(labelled: pd.DataFrame) -> pd.DataFrame:
    """Under which conditions the numbers hold: an item per row, a column per setting; what varies lists its values."""
    items = {
        "test images": ["test_size", "data.test"],
        "training images": ["train_size", "data.train"],
        "validation split": ["data.val"],
        "train_eval images": ["data.train_eval_size"],
        "label noise": ["data.label_noise"],
        "epochs": ["epochs"] if "epochs" in labelled else ["train.epochs"],
        "optimiser steps": ["steps"] if "steps" in labelled else ["train.steps"],
        "batch size": ["train.batch_size"],
        "optimiser": ["optim.name", "optim.schedule"],
        "learning rate": ["optim.learning_rate"],
        "weight decay": ["optim.weight_decay"],
        "augmentation: shift, flip": ["train.shift", "train.flip"],
        "blocks": ["model.blocks"],
        "pooling stages": ["model.pool_stages", "model.pool_after"],
        "width": ["model.width"],
        "normalisation": ["model.norm"],
        "dropout": ["model.dropout"],
        "head": ["model.head"],
        "window, stride, padding": ["pool.window", "pool.stride", "pool.padding"],
        "precision": ["train.precision"],
        "seeds": ["seed"],
        "device": ["provenance.device"],
    }
    columns: dict[str, list[str]] = {"item": list(items)}
    for setting, runs in labelled.groupby("setting", sort=False):
        columns[str(setting)] = [
            "; ".join(_list_values(runs[column]) for column in wanted if column in runs) for wanted in items.values()
        ]
    protocol = pd.DataFrame(columns)
    return protocol[(protocol.drop(columns="item") != "").any(axis=1)].reset_index(drop=True)


def say_protocol(runs: pd.DataFrame) -> str:
    """One sentence per setting of these runs, for captions: images, epochs, seeds, batch, learning rate, test images."""
    sentences = []
    for setting, chosen in runs.groupby("setting", sort=False):
        counts = chosen.groupby("arm", sort=False)["seed"].nunique()
        n = str(counts.min()) if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"

        def values(column: str, otherwise: str = "?", chosen: pd.DataFrame = chosen) -> str:
            return _list_values(chosen[column]) if column in chosen else otherwise

        sentences.append(
            f"{setting}: n = {n} {'seed' if n == '1' else 'seeds'} per arm (seeds {values('seed')}), {values('train_size')} "
            f"training images, {values('epochs', values('train.epochs'))} epochs, batch {values('train.batch_size')}, "
            f"{values('optim.name')} with learning rate {values('optim.learning_rate')}, {values('test_size')} test images."
        )
    return " ".join(sentences)


def _contrast_metrics(done: pd.DataFrame, baselines: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    metrics = [name for name in ("test_accuracy", "generalisation_gap") if name in done]
    frames = [contrast_arms(done, baselines, metric, scale=100).assign(metric=metric) for metric in metrics]
    contrasts = pd.concat(frames, ignore_index=True)
    return contrasts[["metric", *(column for column in contrasts if column != "metric")]]


def _plot_comparison(done: pd.DataFrame, baselines: Mapping[tuple[str, str], str]) -> Plot:
    caption = f"Test accuracy after the last epoch, and its paired difference to the baseline. {INTERVAL} {say_protocol(done)}"
    return Plot("accuracy", plot_accuracy(done, baselines), caption)


def _section_gap(done: pd.DataFrame, baselines: Mapping[tuple[str, str], str]) -> Section:
    text = (
        "The generalisation gap is accuracy on clean training images minus accuracy on test images. A smaller gap alone "
        "doesn't mean less overfitting: with higher test accuracy the arm generalises better, with lower it underfits."
    )
    caption = (
        "Left: gap by arm. Right: change of test accuracy against change of the gap, each paired by seed with the baseline. "
        f"{INTERVAL} {say_protocol(done)}"
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


def _section_curves(
    done: pd.DataFrame, curves: pd.DataFrame, baselines: Mapping[tuple[str, str], str]
) -> list[Section]:
    plots = []
    for setting, runs in done.groupby("setting", sort=False):
        for metric in ("accuracy", "loss"):
            kept = runs[["digest", "seed"]].merge(curves, on=["digest", "seed"])
            if f"val_{metric}" in kept and kept[f"val_{metric}"].notna().any():
                caption = (
                    f"{str(setting).capitalize()}: {metric} over epochs; mean with a 95 % t band over seeds, thin lines are single "
                    f"seeds. {say_protocol(runs)}"
                )
                name = _name_plot(f"curves_{metric}", str(setting), done)
                plots.append(Plot(name, plot_curves(done, curves, str(setting), metric, baselines), caption))
    return [Section("Learning curves", plots=tuple(plots))] if plots else []


def _section_errors(
    done: pd.DataFrame, confusion: pd.DataFrame, baselines: Mapping[tuple[str, str], str]
) -> list[Section]:
    """Confusion of the baseline and of the arm best on validation images, which is a choice that test images don't make."""
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
        "Per cent of each true class, summed over seeds, for the baseline and for the arm with the best mean validation "
        f"accuracy besides. {say_protocol(done)}"
    )
    return [Section("Errors", plots=(Plot("confusion", plot_confusion(matrices), caption),))]


def _section_maps(done: pd.DataFrame, feature_maps: pd.DataFrame) -> list[Section]:
    plots = []
    for setting in done["setting"].unique():
        figure = plot_feature_maps(done, feature_maps, setting)
        if figure is not None:
            caption = (
                f"{setting.capitalize()}: one test image, and one channel before (upper row) and after (lower row) the first pooling "
                "stage of each trained arm, lowest seed; grey levels run from the least to the largest value before the pool."
            )
            plots.append(Plot(_name_plot("feature_maps", setting, done), figure, caption))
    return [Section("Feature maps", plots=tuple(plots))] if plots else []


def _say_factors(runs: pd.DataFrame) -> str:
    chosen = factors(runs)
    also = [column for column in find_varying(runs) if column not in chosen]
    text = f"Factors that vary: {', '.join(chosen) or 'none'}."
    return text + (f" With them vary: {', '.join(also)}." if also else "")


def _say_missing(missing: pd.DataFrame) -> str:
    if missing.empty:
        return "None: every arm finished with every seed of its setting."
    counts = ", ".join(f"{count} {status}" for status, count in missing["status"].value_counts(sort=False).items())
    return f"These runs are in no mean above ({counts}). An arm that loses its worst runs looks better than it is."


def _name_plot(stem: str, setting: str, done: pd.DataFrame) -> str:
    """The stem, and the setting where there are several, as a file name."""
    if done["setting"].nunique() == 1:
        return stem
    return f"{stem}_{''.join(letter if letter.isalnum() else '_' for letter in setting)}"


def _list_values(values: pd.Series) -> str:
    """The different values of a column; four or more whole numbers in a row as a range."""
    different = sorted(values.dropna().unique().tolist(), key=lambda value: (isinstance(value, str), value))
    whole = [value for value in different if isinstance(value, int) and not isinstance(value, bool)]
    if len(whole) > 2 and len(whole) == len(different) and whole[-1] - whole[0] == len(whole) - 1:
        return f"{whole[0]} to {whole[-1]}"
    if len(different) == 1 and isinstance(different[0], (int, float)) and different[0] >= 1000:
        return f"{different[0]:,.0f}"
    return ", ".join(show_value(value) for value in different if value != "")


def _show_mean(row: Mapping[str, float], name: str) -> str:
    if _absent(row[name]):
        return ""
    half = 50 * (row[f"{name}_high"] - row[f"{name}_low"])
    return f"{100 * row[name]:.2f}" + ("" if _absent(half) else f" ± {half:.2f}")


def _show_p(p: float) -> str:
    return "" if _absent(p) else f"{p:.4f}"


def _show_count(count: float) -> str:
    return "" if _absent(count) else f"{count:,.0f}"


def _absent(value: float) -> bool:
    return value != value


def _drop_constant(frame: pd.DataFrame) -> pd.DataFrame:
    """Without columns that are empty, and without the data set where it is only one."""
    keep = [
        column
        for column in frame
        if (frame[column] != "").any() and not (column == "data set" and frame[column].nunique() == 1)
    ]
    return frame[keep]
