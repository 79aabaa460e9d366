"""What a study compared, in words: the tables of arms and contrasts for people, and the protocol behind the numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from poolscope.statistics.arms import factors, find_varying, show_value

_IN_CAPTIONS = {
    *("seed", "train_size", "test_size", "data.test", "epochs", "train.epochs", "train.batch_size"),
    *("optim.name", "optim.learning_rate"),
}


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
                "at chance": str(row["unlearned"]) if row["unlearned"] else "",
                "test accuracy (%)": show_mean(row, "test_accuracy"),
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


def describe_protocol(labelled: pd.DataFrame) -> pd.DataFrame:
    """Describe the conditions of the numbers: an item per row, a column per setting; what varies lists its values."""
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
    """Say for each setting, in captions: n, seeds, images, epochs, batch, learning rate, and the test images."""
    sentences = []
    for setting, chosen in runs.groupby("setting", sort=False):
        values = {column: _list_values(chosen[column]) for column in chosen if column in _IN_CAPTIONS}
        counts = chosen.groupby("arm", sort=False)["seed"].nunique()
        n = " to ".join(str(count) for count in sorted({counts.min(), counts.max()}))
        sentences.append(
            f"{setting}: n = {n} {'seed' if n == '1' else 'seeds'} per arm (seeds {values['seed']}), "
            f"{values.get('train_size', '?')} training images, "
            f"{values.get('epochs') or values.get('train.epochs', '?')} epochs, "
            f"batch {values.get('train.batch_size', '?')}, {values.get('optim.name', '?')} with learning rate "
            f"{values.get('optim.learning_rate', '?')}, {values.get('test_size', '?')} test images "
            f"(split {values.get('data.test', '?')})."
        )
    return " ".join(sentences)


def say_factors(runs: pd.DataFrame) -> str:
    """Say which configuration keys distinguish the arms and settings, and which vary along with them."""
    chosen = factors(runs)
    also = [column for column in find_varying(runs) if column not in chosen]
    text = f"Factors that vary: {', '.join(chosen) or 'none'}."
    return text + (f" With them vary: {', '.join(also)}." if also else "")


def say_unlearned(comparison: pd.DataFrame) -> tuple[str, ...]:
    """Say which arms have runs that finished without having learned, and that these are in the means."""
    arms = comparison[comparison["unlearned"] > 0]
    if arms.empty:
        return ()
    listed = "; ".join(
        f"{row['setting']}, {row['arm']}: {row['unlearned']} of {row['n']}" for row in arms.to_dict("records")
    )
    return (f"Finished with the loss and accuracy of guessing, and counted in every mean: {listed}.",)


def say_missing(missing: pd.DataFrame) -> str:
    """Say how many runs `list_missing` lists, of which kind, and what that does to the means."""
    if missing.empty:
        return "None: every arm finished with every seed of its setting."
    counts = ", ".join(f"{count} {status}" for status, count in missing["status"].value_counts(sort=False).items())
    return f"These runs are in no mean above ({counts}). An arm that loses its worst runs looks better than it is."


def find_numeric(texts: pd.DataFrame) -> list[bool]:
    """Find which columns hold nothing but numbers (with signs, intervals and thousands separators)."""
    pattern = r"(?:[-+]?\d[\d.,]*(?: (?:±|to|of) [-+]?[\d.]+| \([-+]?[\d.]+ to [-+]?[\d.]+\))?|baseline|first|)"
    return [all(re.fullmatch(pattern, str(cell)) for cell in texts[column]) for column in texts]


def _list_values(values: pd.Series) -> str:
    """The different values of a column; four or more whole numbers in a row as a range."""
    different = sorted(values.dropna().unique().tolist(), key=lambda value: (isinstance(value, str), value))
    whole = [value for value in different if isinstance(value, int) and not isinstance(value, bool)]
    if len(whole) > 2 and len(whole) == len(different) and whole[-1] - whole[0] == len(whole) - 1:
        return f"{whole[0]} to {whole[-1]}"
    if len(different) == 1 and isinstance(different[0], (int, float)) and different[0] >= 1000:
        return f"{different[0]:,.0f}"
    return ", ".join(show_value(value) for value in different if value != "")


def _show_signed(value: float) -> str:
    return "" if _absent(value) else f"{round(value, 2) + 0.0:+.2f}"


def show_p(p: float) -> str:
    """Format p to four digits, as < 0.0001 below, and as nothing for NaN."""
    return "" if _absent(p) else "< 0.0001" if p < 0.0001 else f"{p:.4f}"


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
