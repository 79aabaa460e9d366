"""The bench's tables to figures and a report; pandas and Matplotlib only, the same tables giving the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from poolscope.benchmarks.drawings import list_points, plot_costs, plot_operators, plot_ratios
from poolscope.benchmarks.suites import STEPS
from poolscope.reports.document import Plot, Section, write_document
from poolscope.spec.errors import PoolscopeError

TARGETS = Path(__file__).with_name("targets.csv")
_HOW = (
    "Each contender has a process of its own, pinned to one core and one thread unless it says otherwise; they are "
    "asked in turn, A, B, C, A, B, C, ... A ratio is the first one's value over the second's within a round; shown are "
    "its median and, in brackets, its quartiles over the rounds. CPU-s is CPU time, user and system; s is wall time."
)
_TRAINING = (
    "3x3 convolutions, ReLU and a 2x2 max pool after each, flatten, dense head; batch 128, gradient descent with "
    "Nesterov momentum, no augmentation, float32 and no normalisation where nothing is said of them: cifar is 32x32x3 "
    "with 32, 64 and 128 filters, mnist 28x28x1 with 32 and 64, digits 8x8x1 with 16 and 32. torch in bfloat16 is its "
    "autocast, compiled torch.compile, both channels last; poolscope in bfloat16 is train.precision=bfloat16. From "
    "the same weights on the same batches, all take the same steps (tested). poolscope is its own Trainer as "
    "`poolscope train` uses it, train.loop=step or scan, and does more in a step than the others: it gathers the "
    "batch from uint8 images and normalises it, where the others get batches of float32. Flax and torch are written "
    "as their documentation has it. Memory is the peak of the process after it warmed up, compilation included, less "
    "what it was once the libraries were imported."
)
_POOLS = (
    "How many times as fast as the others poolscope's pools are, on NHWC maps of float32. Averages leave padding out. "
    "torch has no SAME: it pads by window // 2 on both sides, which at stride 2 moves the windows by a pixel. Both JAX "
    "processes keep freed memory (`poolscope.kernels.freed_memory`), so that the ratio is of the operators alone."
)
_OPERATORS = (
    "Forward and backward at 2/2 on maps of 128x16x16x64, in the training form, the gradient of what an operator "
    "learns included."
)
_START = (
    "New processes, on all cores: imports, and `poolscope train` until its first step is done, with caches of compiled "
    "programs that an earlier run has filled (warm), or empty ones (cold); plain Flax and torch import their library, "
    "make the network and take one step on a batch that is there."
)
_RUNS = (
    f"Whole `poolscope train` commands of {STEPS} steps on real data, with batch norm and augmentation: imports, the "
    "program from the cache, training, evaluation of every split, the record; images trained on per CPU-second of the "
    "process, page faults per image, peak memory. Plain Flax and torch (channels last: "
    "eager, torch.compile, bfloat16 autocast) load the same data and take as many steps of the same network."
)
_SWEEP = "Eight operators, 15 epochs of the digits each, with warm caches, on two cores."
_COSTS = (
    "poolscope's speed, train.loop=step, around a network of three blocks (16, 32, 64 filters) on 16x16x3 images in "
    "batches of 128; the reference networks with several seeds in one program (train.seeds_at_once), images of all; "
    "and whole `poolscope train` commands (digits, 10 epochs) with several seeds. The exponent b says that the time "
    "for an image, or for a run, grows as size^b: 0 where size costs nothing, -1 where the whole costs the same at "
    "any size."
)
_FASTER = "How many times as fast as each other contender poolscope is; bars are quartiles over rounds."
_NUMBERS = ("ratio", "ratio_q25", "ratio_q75", "contender_median", "reference_median")


def build_page(folder: Path, overview: bool = False) -> Path:
    """Draw <folder>/*.csv into figures/*.svg and .png, report.md and report.html; returns report.md's path.

    overview: whether index.html is being written too; else the page links to it where it is there. Raises
    PoolscopeError where there are no tables.
    """
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise PoolscopeError(f"{folder} holds no measurements yet; `poolscope bench` takes them.")
    blank = {column: [""] for column in _NUMBERS}
    tables = {path.stem: pd.read_csv(path, keep_default_na=False, na_values=blank) for path in paths}
    machines = json.loads((folder / "machine.json").read_text(encoding="utf-8"))
    sections = [show_targets(pd.concat(tables.values())), *make_sections(tables)]
    lead = f"{say_machines(machines)} {_HOW} The tables behind every number are the CSV files beside this page."
    write_document(folder, "How fast poolscope is, side by side", lead, sections, overview=overview)
    return folder / "report.md"


def judge_targets(rows: pd.DataFrame) -> pd.DataFrame:
    """targets.csv with columns measured (the worst of all rows that a target names), of (how many) and worst (which).

    outcome: "moonshot", "must", "missed", or "not measured" where any of the rows lacks a ratio.
    """
    judged = pd.read_csv(TARGETS)
    measured, counts, worst, outcomes = [], [], [], []
    for target in judged.itertuples(index=False):
        found = rows[
            np.array([fnmatchcase(quantity, target.quantity) for quantity in rows["quantity"]])
            & (rows[["contender", "reference", "unit"]] == [target.contender, target.reference, target.unit]).all(
                axis=1
            )
        ]
        counts.append(len(found))
        if found.empty or found["ratio"].isna().any():
            measured.append(float("nan"))
            worst.append("")
            outcomes.append("not measured")
            continue
        sign = 1 if target.better == "higher" else -1
        row = found.iloc[(sign * found["ratio"]).argmin()]
        measured.append(row["ratio"])
        worst.append(row["quantity"])
        reached = [sign * row["ratio"] >= sign * getattr(target, level) for level in ("must", "moonshot")]
        outcomes.append("moonshot" if reached[1] else "must" if reached[0] else "missed")
    return judged.assign(measured=measured, of=counts, worst=worst, outcome=outcomes)


def show_targets(rows: pd.DataFrame) -> Section:
    """Each target with what was measured for it."""
    judged = judge_targets(rows)
    words = {"moonshot": "moonshot reached", "must": "met", "missed": "missed", "not measured": "not measured"}
    table = pd.DataFrame(
        {
            "target": judged["target"],
            "measured": [
                "" if pd.isna(value) else f"{value:.2f}" + (f", the worst of {of}: {worst}" if of > 1 else "")
                for value, of, worst in zip(judged["measured"], judged["of"], judged["worst"], strict=True)
            ],
            "must": [f"{value:g}" for value in judged["must"]],
            "moonshot": [f"{value:g}" for value in judged["moonshot"]],
            "outcome": judged["outcome"].map(words),
        }
    )
    met = judged["outcome"].isin(["must", "moonshot"]).sum()
    text = f"{met} of {len(judged)} targets are met. Of the start, less is better; of all else, more."
    return Section("Targets", (text,), table)


def make_sections(tables: Mapping[str, pd.DataFrame]) -> list[Section]:
    """A section for each suite that was measured."""
    sections = []
    for part, title, text in (
        ("training", "Training", _TRAINING),
        ("threads", "Training on two threads", "The same on two cores, by wall time."),
    ):
        if part in tables:
            figure = plot_ratios(tables[part], ("poolscope step", "poolscope scan"), columns=3)
            sections.append(Section(title, (text,), show_training(tables[part]), (Plot(part, figure, _FASTER),)))
    if "pools" in tables:
        backward = tables["pools"][tables["pools"]["quantity"].str.contains("forward+backward", regex=False)]
        named = backward["quantity"].str.split(", ", n=1, expand=True)
        figure = plot_ratios(backward.assign(quantity=named[0], window=named[1]), ("poolscope",), 2, by="window")
        sections.append(Section("Pools", (_POOLS,), show_pools(tables["pools"]), (Plot("pools", figure, _FASTER),)))
    if "operators" in tables:
        plot = Plot("operators", plot_operators(tables["operators"]), "CPU time relative to max; bars are quartiles.")
        sections.append(Section("What operators cost", (_OPERATORS,), None, (plot,)))
    for part, title, text, show in (
        ("runs", "Whole runs", _RUNS, show_runs),
        ("start", "Start", _START, show_pairs),
        ("sweep", "Sweep", _SWEEP, show_pairs),
    ):
        if part in tables:
            sections.append(Section(title, (text,), show(tables[part])))
    if "curves" in tables:
        plot = Plot("curves", plot_costs(tables["curves"]), "Medians over rounds.")
        sections.append(Section("What size costs", (_COSTS,), show_costs(tables["curves"]), (plot,)))
    return sections


def show_training(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each network and contender: speed, peak memory, and how poolscope's two loops compare with it."""
    cells = []
    for quantity, group in rows.groupby("quantity", sort=False):
        for name in list_contenders(group):
            found = group[group["reference"] == name].set_index(["contender", "unit"])
            row = {"network": str(quantity).removeprefix("training "), "contender": name}
            for unit in group["unit"].unique():
                row[unit] = say_median(group[group["unit"] == unit], name)
            for loop in ("step", "scan"):
                key = (f"poolscope {loop}", group["unit"].iloc[0])
                row[f"{loop} is x times as fast"] = say_ratio(found.loc[key]) if key in found.index else ""
            cells.append(row)
    return pd.DataFrame(cells)


def show_pools(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each pool, way, window and size: how many times as fast as each reference poolscope is."""
    ours = rows[rows["contender"] == "poolscope"]
    texts = ours.assign(text=[say_ratio(row) for _, row in ours.iterrows()])
    wide = texts.pivot(index="quantity", columns="reference", values="text")
    wide = wide.reindex(index=ours["quantity"].unique(), columns=ours["reference"].unique())
    return wide.rename_axis(columns=None).reset_index().rename(columns={"quantity": "pool"})


def show_runs(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each data set and contender: speed, page faults and memory, and how many times as fast it is as max."""
    cells = []
    for quantity, group in rows.groupby("quantity", sort=False):
        speeds = group[(group["reference"] == "max") & (group["unit"] == "images/CPU-s")].set_index("contender")
        for name in dict.fromkeys(["max", *list_contenders(group)]):
            row = {"data": str(quantity).removeprefix("run on "), "contender": name}
            row |= {unit: say_median(group[group["unit"] == unit], name) for unit in group["unit"].unique()}
            cells.append(row | {"times as fast as max": say_ratio(speeds.loc[name]) if name in speeds.index else ""})
    return pd.DataFrame(cells)


def show_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each pair of contenders."""
    return pd.DataFrame(
        {
            "quantity": rows["quantity"],
            "contender": rows["contender"],
            "reference": rows["reference"],
            "unit": rows["unit"],
            "medians": [
                f"{row.contender_median:,.3g} and {row.reference_median:,.3g}" if row.rounds else ""
                for row in rows.itertuples()
            ],
            "ratio": [say_ratio(row) for _, row in rows.iterrows()],
            "rounds": rows["rounds"].astype(str),
        }
    )


def show_costs(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each curve: its ends, and b of time ~ size^b for one image (or run), by least squares on logarithms."""
    cells = []
    for quantity, part in rows[rows["ratio"].notna()].groupby("quantity", sort=False):
        sizes, speeds = np.array(list_points(part)).T
        slope = -np.polyfit(np.log(sizes), np.log(speeds), 1)[0]
        cells.append(
            {
                "what grows": str(quantity).removeprefix("curve: "),
                "from": f"{sizes[0]:g}",
                "to": f"{sizes[-1]:g}",
                "speed": f"{speeds[0]:,.3g} to {speeds[-1]:,.3g} {part['unit'].iloc[0]}",
                "exponent of the time": f"{slope:.2f}",
            }
        )
    return pd.DataFrame(cells)


def list_contenders(rows: pd.DataFrame) -> list[str]:
    """Contenders and references in the order in which they were asked."""
    return list(dict.fromkeys([*rows["contender"], *rows["reference"]]))


def say_median(rows: pd.DataFrame, name: str) -> str:
    """A contender's median value over the most rounds, or why there is none."""
    sides = [rows[rows[side] == name].set_index("rounds")[f"{side}_median"] for side in ("contender", "reference")]
    medians = pd.concat(sides).dropna()
    if len(medians):
        value = float(medians.iloc[medians.index.argmax()])
        return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"
    return next((part for note in rows["note"] for part in str(note).split("; ") if part.startswith(f"{name}: ")), "")


def say_ratio(row: pd.Series) -> str:
    """The median ratio and its quartiles, or why there is none."""
    if pd.isna(row["ratio"]):
        return str(row["note"])
    return f"{row['ratio']:.2f} ({row['ratio_q25']:.2f} to {row['ratio_q75']:.2f})"


def say_machines(machines: Mapping[str, Mapping[str, Any]]) -> str:
    """A sentence for each machine, with the suites that it measured."""
    parts: dict[str, list[str]] = {}
    for part, machine in machines.items():
        versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
        where = f"{machine['processor'] or 'unknown processor'}, {machine['cores']} cores, {machine['system']}"
        what = f"Python {machine['python']}, {versions}; {machine['rounds']} rounds of repetitions of at least"
        key = f"{where}; {what} {machine['seconds_per_repetition']:g} CPU-s"
        parts.setdefault(key, []).append(part)
    return " ".join(f"Measured on {key} ({', '.join(names)})." for key, names in parts.items())
