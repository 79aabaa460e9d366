"""One table of all operators: what a network with each reaches after an epoch, what it costs, how it bears shifts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from poolscope.reports.document import Section
from poolscope.reports.sections import say_probed
from poolscope.spec.operators import OPERATORS
from poolscope.spec.paths import study_folder
from poolscope.statistics.tables import collect

STUDY = "one_epoch"
_ABOUT = (
    "One network for each operator and data set, seed {seeds}, trained for one epoch: three 3x3 convolutions "
    "({filters} filters) with batch normalisation and ReLU, pooled after the first two at window 2 and stride 2, "
    "global average head; {images}; Adam, learning rate {rate} for all, batch {batch}; {tested} test images. "
    "Parameters and multiply-accumulates (MACs): of the network on {first}. Speed: images per CPU-second of the "
    "operator alone, forward and backward at 2/2 on 128x16x16x64, as a multiple of max's in the same rounds "
    "(poolscope bench operators --quick: medians of 3 rounds on one pinned thread of a machine that other work kept "
    "busy). Aliasing: share of the varying energy above the output's Nyquist frequency, on raw images (empty where it "
    "isn't defined). Consistency: share of pairs of shifts by at most one pixel with equal predictions, on {probed}, "
    "wrapped around or filled with zeros.",
    "n = {n} for each row: the table shows that an operator works and about where it stands. It ranks nothing: "
    "neither another seed nor another learning rate was tried, and a network that is wrong can be consistent.",
)


def show_trained(results: str | Path, operators: pd.DataFrame) -> Section | None:
    """The section of the table, from the committed runs of `one_epoch`; None where there are none.

    operators: the table of operators on raw images, for their aliasing.
    """
    if not (study_folder(results, STUDY) / "tables" / "runs.csv").is_file():
        return None
    runs = collect(results, STUDY).runs
    runs = runs[runs["status"] == "done"]
    path = Path(results) / "operators" / "tables" / "cost.csv"
    speed = _read_speed(path) if path.is_file() else pd.Series(dtype=float)
    rows = [_show_operator(name, runs, operators, speed) for name in OPERATORS if (runs["pool.name"] == name).any()]
    return Section("Every operator after one epoch", tuple(_describe(runs)), table=pd.DataFrame(rows).fillna(""))


def _read_speed(path: Path) -> pd.Series:
    """The speed of each operator as a multiple of that of the one that all are compared with."""
    rows = pd.read_csv(path)
    return pd.concat([rows.set_index("contender")["ratio"], pd.Series({name: 1.0 for name in rows["reference"]})])


def _show_operator(name: str, runs: pd.DataFrame, operators: pd.DataFrame, speed: pd.Series) -> dict[str, str]:
    row = {"operator": name}
    own = {str(run["data.name"]): run for run in runs[runs["pool.name"] == name].to_dict("records")}
    for data, run in own.items():
        row[f"{data}: test accuracy (%)"] = f"{100 * run['test_accuracy']:.1f}"
    first = next(iter(own.values()))
    row |= {"parameters": f"{first['parameters']:,.0f}", "MACs": f"{first['macs']:,.0f}"}
    row["speed"] = f"{speed[name]:.2g}" if name in speed else ""
    raw = operators[(operators["pool"] == name) & operators["window"].astype(str).isin(("1", "2"))]
    for data in own:
        aliasing = raw.loc[raw["data"] == data, "aliasing"].dropna()
        row[f"{data}: aliasing"] = f"{aliasing.iloc[0]:.3f}" if len(aliasing) else ""
    for data, run in own.items():
        for fill, words in (("circular", "wrapped"), ("zero", "zeros")):
            row[f"{data}: consistency, {words}"] = f"{run[f'consistency_{fill}_1']:.3f}"
    return row


def _describe(runs: pd.DataFrame) -> Iterator[str]:
    def values(column: str) -> str:
        return ", ".join(f"{value:,g}" for value in sorted(runs[column].dropna().unique()))

    width = int(runs["model.width"].iloc[0])
    sizes: dict[str, Any] = dict(runs.groupby("data.name", sort=False)["train_size"].first())
    words = {
        "n": str(runs.groupby(["data.name", "pool.name"])["seed"].nunique().max()),
        "seeds": values("seed"),
        "filters": f"{width}, {2 * width}, {4 * width}",
        "images": " and ".join(f"{size:,.0f} images of {data}" for data, size in sizes.items()),
        "rate": values("optim.learning_rate"),
        "batch": values("train.batch_size"),
        "tested": values("test_size"),
        "probed": say_probed(runs),
        "first": next(iter(sizes)),
    }
    for text in _ABOUT:
        yield text.format(**words)
