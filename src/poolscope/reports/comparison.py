"""A comparison in words: the tables of arms and contrasts for people, and sentences on the runs behind them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from poolscope.statistics.at_chance import find_at_chance


def show_comparison(comparison: pd.DataFrame) -> pd.DataFrame:
    """Format a comparison: per cent, percentage points, ± half of a 95 % interval or the interval where it was cut."""
    baselines = sorted({baseline for baseline in comparison["baseline"] if baseline})
    single = baselines[0] if len(baselines) == 1 else ""
    difference = f"difference to {single} (points)" if single else "difference (points)"
    rows = []
    for row in comparison.to_dict("records"):
        is_baseline = row["arm"] == row["baseline"]
        rows.append(
            {
                "data set": row["setting"],
                "arm": row["arm"],
                "n": str(row["n"]) if row["n"] == row["seeds"] else f"{row['n']} of {row['seeds']}",
                "learning rate": row.get("learning_rate", ""),
                "at chance": str(row["unlearned"]) if row["unlearned"] else "",
                "test accuracy (%)": show_mean(row, "test_accuracy"),
                "balanced accuracy (%)": show_mean(row, "balanced_accuracy") if "balanced_accuracy" in row else "",
                "validation accuracy (%)": show_mean(row, "val_accuracy") if "val_accuracy" in row else "",
                "train accuracy (%)": show_mean(row, "train_eval_accuracy"),
                "gap (points)": show_mean(row, "generalisation_gap"),
                "against": "" if is_baseline or single else row["baseline"],
                difference: "baseline" if is_baseline else show_interval(row, "difference"),
                "p (Holm)": show_p(row["p_holm"]),
                "parameters": _show_count(row["parameters"]),
                "MACs": _show_count(row["macs"]),
                "train (s)": "" if _absent(row["seconds_train"]) else f"{row['seconds_train']:.1f}",
            }
        )
    return _drop_constant(pd.DataFrame(rows))


def show_classes(classes: pd.DataFrame) -> pd.DataFrame:
    """Format accuracy by class: a row per class with its number of test images, a column per arm."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in classes.to_dict("records"):
        known = {"data set": row["setting"], "class": row["class"], "test images": f"{row['images']:,}"}
        cells = rows.setdefault((row["setting"], row["class"]), known)
        cells[row["arm"]] = show_mean({"x": row["mean"], "x_low": row["low"], "x_high": row["high"]}, "x")
    return _drop_constant(pd.DataFrame(list(rows.values())).fillna(""))


def show_contrasts(contrasts: pd.DataFrame) -> pd.DataFrame:
    """Format paired contrasts: difference in percentage points, its 95 % interval and p."""
    return _drop_constant(
        pd.DataFrame(
            [
                {
                    "data set": row["setting"],
                    "metric": row["metric"].replace("_", " "),
                    "arm": row["arm"],
                    "against": row["baseline"],
                    "n": str(row["n"]),
                    "difference (points)": _show_signed(row["difference"]),
                    "95 % interval": " to ".join(_show_signed(row[end]) for end in ("low", "high"))
                    if row["n"] > 1
                    else "",
                    "p": show_p(row["p"]),
                    "p (Holm)": show_p(row["p_holm"]),
                    "note": row["note"],
                }
                for row in contrasts.to_dict("records")
            ]
        )
    )


def show_mean(row: Mapping[str, float], name: str, scale: float = 100) -> str:
    """Format the mean of columns <name>, <name>_low and <name>_high: 97.42 ± 0.31, or 99.07 (97.63 to 100.00).

    The second form is for an interval that was cut where the mean could not lie.
    """
    if _absent(row[name]):
        return ""
    mean, low, high = (scale * row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if _absent(low):
        return f"{mean:.2f}"
    symmetric = abs((high - mean) - (mean - low)) < 1e-6 * max(scale, 1)
    return f"{mean:.2f} ± {(high - low) / 2:.2f}" if symmetric else f"{mean:.2f} ({low:.2f} to {high:.2f})"


def show_interval(row: Mapping[str, float], name: str) -> str:
    """Format +0.42 ± 0.31 from a row with columns <name>, <name>_low and <name>_high."""
    if _absent(row[name]):
        return ""
    half = (row[f"{name}_high"] - row[f"{name}_low"]) / 2
    return _show_signed(row[name]) + ("" if _absent(half) else f" ± {half:.2f}")


def show_p(p: float) -> str:
    """Format p to four digits, as < 0.0001 below, and as nothing for NaN."""
    return "" if _absent(p) else "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def say_unlearned(comparison: pd.DataFrame) -> tuple[str, ...]:
    """Say which arms have runs that finished without having learned, and that these are in the means."""
    arms = comparison[comparison["unlearned"] > 0]
    if arms.empty:
        return ()
    listed = "; ".join(
        f"{row['setting']}, {row['arm']}: {row['unlearned']} of {row['n']}" for row in arms.to_dict("records")
    )
    return (f"Finished with the loss and accuracy of guessing, and counted in every mean: {listed}.",)


def say_hollow(runs: pd.DataFrame) -> str:
    """Say, behind a caption, what the hollow dots of a figure of these runs are; nothing where none is hollow."""
    count = int(find_at_chance(runs).sum())
    finished = f"{count} run{'s' * (count > 1)}"
    return (
        f" Hollow dots (outside of a panel: at chance): {finished} that finished at chance, without having learned, "
        "and differences with them."
        if count
        else ""
    )


def say_missing(missing: pd.DataFrame) -> str:
    """Say how many runs `list_missing` lists, of which kind, and what that does to the means."""
    if missing.empty:
        return "None: every arm finished with every seed of its setting."
    counts = ", ".join(f"{count} {status}" for status, count in missing["status"].value_counts(sort=False).items())
    return f"These runs are in no mean above ({counts}). An arm that loses its worst runs looks better than it is."


def _show_signed(value: float) -> str:
    return "" if _absent(value) else f"{round(value, 2) + 0.0:+.2f}"


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
