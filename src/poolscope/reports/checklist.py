"""A reproducibility checklist, filled from a study's runs: what reviewers ask, and what the records answer."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from poolscope.process.terminal import format_count
from poolscope.reports.comparison import say_missing
from poolscope.reports.protocol import describe_protocol, say_factors
from poolscope.spec.registration import hash_registration
from poolscope.statistics.arms import add_arms
from poolscope.statistics.comparison import list_missing
from poolscope.statistics.tables import Tables, tally_revisions
from poolscope.store.revisions import describe_revisions

_NOT_RECORDED = "not recorded"


def write_checklist(study: str, tables: Tables, commands: tuple[str, ...] = ()) -> str:
    """Write the checklist as Markdown.

    Args:
        study: its name.
        tables: of the study.
        commands: that trained it.
    """
    labelled = add_arms(tables.runs)
    lines = [f"# Reproducibility checklist of {study}", "", "Filled from the records of its runs.", ""]
    lines += ["| question | answer |", "| --- | --- |"]
    lines += [f"| {question} | {_cell(answer)} |" for question, answer in _answer(study, labelled, commands)]
    protocol = describe_protocol(labelled)
    lines += ["", "## Protocol", "", "| " + " | ".join(map(str, protocol)) + " |"]
    lines += ["|" + " --- |" * len(protocol.columns)]
    lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in protocol.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def _answer(study: str, labelled: pd.DataFrame, commands: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    done = labelled[labelled["status"] == "done"]
    yield (
        "What was run?",
        f"{format_count(len(labelled), 'run')}, of which {len(done)} finished. {say_factors(labelled)}",
    )
    yield "By which commands?", "; ".join(f"`{command}`" for command in commands) or _NOT_RECORDED
    counts = labelled.groupby(["setting", "arm"])["seed"].nunique()
    ends = sorted({int(counts.min()), int(counts.max())})
    yield "How many seeds has each arm?", " to ".join(map(str, ends))
    yield "What do seeds vary?", "initial weights, order, subset and every draw; arms share them seed by seed"
    yield "Which data, and which version?", _list(labelled, "provenance.data_version", labelled["data.name"])
    yield "How many images, and how split?", _list(labelled, "provenance.data")
    yield (
        "Were test images used to choose anything?",
        "not by the code: they are evaluated once, when a run ends, and `poolscope tune` reads validation images",
    )
    rates = ", ".join(f"{rate:g}" for rate in sorted(labelled["optim.learning_rate"].unique()))
    yield "Which learning rates?", rates
    yield "Which hyperparameters?", "all of them: `configs/`, one file for each configuration"
    yield "On which device and processor?", _list(labelled, "provenance.device", labelled.get("provenance.processor"))
    yield "With which versions?", "`requirements.txt`; of each run in `tables/runs.csv`, provenance.versions"
    if "provenance.seconds" in labelled:
        hours = pd.to_numeric(labelled["provenance.seconds"], errors="coerce").sum() / 3600
        yield "How long did it take?", f"{hours:.3g} hours in all, one run after the other"
    revisions = tally_revisions(labelled)
    known = ", ".join(name for name in revisions if name) or _NOT_RECORDED
    yield "Of which code?", describe_revisions(revisions) or known
    yield "Is any run missing?", say_missing(list_missing(labelled))
    yield (
        "What are the intervals?",
        "95 % t intervals over seeds, for these test images; differences are paired by seed",
    )
    registered = hash_registration(study)
    yield (
        "Were hypotheses registered before the runs?",
        f"yes: contrasts {registered['contrasts']}, rule {registered['rule']}" if registered else "no",
    )


def _list(runs: pd.DataFrame, column: str, beside: pd.Series | None = None) -> str:
    """The different texts of a column, each after that of another one."""
    if column not in runs:
        return _NOT_RECORDED
    texts = runs[column].astype(str)
    if beside is not None:
        texts = beside.astype(str) + " " + texts
    return "; ".join(dict.fromkeys(text.strip() for text in texts if text.strip())) or _NOT_RECORDED


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")
