"""results/guide: which pooling to use, as a table of situations that is computed from the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from poolscope.reports.choices import DEARER, Comparison, compare, show_choices, summarise, tally, weigh
from poolscope.reports.document import Plot, Section, write_document
from poolscope.reports.figures.guide import plot_effects
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped
from poolscope.statistics.claims import list_contrasts
from poolscope.statistics.context import describe_context
from poolscope.statistics.specification_curve import list_rates
from poolscope.statistics.verdicts import DESCRIBED, select_runs

TITLE = "Which pooling should I use?"
SUMMARY = "For a situation: the choice that is better, by how much, and the contrast that says so."
_PAIRS = (
    "Every two choices that were compared in test accuracy in several networks: in which of them the first is shown to "
    "be ahead, to be behind, or neither, with the contrast of each; what holds in all networks comes first. By: its "
    "mean less the other's, the least and the most over all networks, whether shown or not. A network is one of those "
    "that were run, with its images and training, and no sample of practice: the counts are no test. † was added after "
    "its runs had been seen, ‡ decides no claim."
)
_SHORT = (
    "For each network the choice with the highest mean of those compared in it, in the measure of the situation, and "
    "whether it is shown to be ahead of what it was compared with; then what is shown to be behind another choice, "
    "with that choice and the contrast in brackets. Choices that stand in one row but not in one contrast were not "
    "compared. Where shifts must not change a prediction, test accuracy stands beside: a network that always says the "
    "same is consistent."
)
_WORK = (
    f"The comparisons in test accuracy whose networks differ in cost by {100 * DEARER - 100:.0f} % or more: "
    "multiplications of convolutions, dense layers and what pools learn, for one image."
)
_RULE = (
    "Each line is one contrast of the ledger: two choices in the same network, with the same seeds. The one named "
    "first is better in what is compared: its 95 % interval excludes equality. The interval is simultaneous over all "
    "contrasts of the claim that the line decides, alone where it decides none, and not over the lines of this table. "
    "Where it includes equality, neither is shown to be better, which is not to say that they are equal. A line with "
    "fewer seeds than were planned recommends nothing. All contrasts stand here that compare two choices in accuracy "
    "or consistency; not all operators have one: the studies' own pages compare more arms. The situations were named "
    "when all results but those of the ladder, of overfitting and of contexts were known. δ is the smallest effect "
    "that matters; sign at k of m rates: at how many shared learning rates the trials of the tuning have the same sign"
    " (a study that tuned at one size has the same trials at every size)."
)
_LIMITS = (
    "These are findings about small networks ({parameters} parameters, {steps} steps) on {data}, with learning rates "
    "tuned on few trials. In another network or at another size the order may be another{figure}. If it matters, "
    "`poolscope tune` and `poolscope train` compare the choices on your own images."
)
_SCALING = (
    "Test accuracy minus that of max with 2x2 windows and the same seed, in percentage points, against the number of "
    "training images. Bars are 95 % t intervals over n seeds, left out below three."
)


def build_page(results: str | Path, verdicts: pd.DataFrame, overview: bool = False) -> list[Path]:
    """Write <results>/guide/{report.md, report.html, figures}; returns their paths.

    Args:
        results: the folder of studies.
        verdicts: of the ledger, a row for each contrast.
        overview: whether index.html is being written too; else the page links to it where it is there.

    Raises:
        PoolscopeError: where experiments/guide.yaml names a contrast that there isn't, or that is no comparison of two
            choices by a measure of which more is better.
    """
    guide = read_guide(shipped("experiments") / "guide.yaml")
    shown = [identity for entry in guide["situations"] for identity in entry["contrasts"]]
    situations = find_situations(results, guide["situations"], verdicts)
    pairs, table = tally(situations), show_choices(situations, list_rates(list_contrasts()))
    whole = verdicts["id"].isin(shown) & (verdicts["n"] > 0) & (verdicts["n"] >= verdicts["planned"])
    compared = Path(results) / str(guide["scaling"]) / "tables" / "comparison.csv"
    effects = find_effects(pd.read_csv(compared)) if compared.is_file() else pd.DataFrame()
    limits = say_limits(results, sorted(verdicts.loc[whole, "study"].unique()), drawn=len(effects) > 0)
    sections = [
        Section("In short", (_PAIRS,), pairs),
        Section("By situation", (_SHORT,), summarise(situations)),
        Section("Where computation matters", (_WORK,), weigh(situations)),
        Section("How far this goes", (limits,)),
    ]
    if len(effects):
        plot = Plot("effects", plot_effects(effects, guide["names"]), _SCALING)
        sections.append(Section("How the differences change with the number of images", plots=(plot,)))
    sections.append(Section("All comparisons", (_RULE,), table, folded=True))
    lead = say_pairs(pairs) + _count_choices(situations)
    return write_document(Path(results) / "guide", TITLE, lead, sections, overview=overview)


def read_guide(path: Path) -> dict[str, Any]:
    """{"scaling": a study, "names": {arm: words}, "situations": [{"situation": words, "contrasts": {id: sides}}]}.

    sides: what arm and baseline of the contrast are called, and, where its study has several networks of one size, what
    is unlike in this one.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in content["situations"]:
        entry["contrasts"] = {str(identity): sides for identity, sides in entry["contrasts"].items()}
    return dict(content)


def find_situations(
    results: str | Path, situations: list[dict[str, Any]], verdicts: pd.DataFrame
) -> dict[str, list[Comparison]]:
    """The comparisons of each situation, with cost and, beside consistency, test accuracy where tables have them.

    verdicts: of the ledger. Raises PoolscopeError for a contrast that it doesn't have.
    """
    rows = {row["id"]: row for row in verdicts.to_dict("records")}
    sides = find_sides(results, [identity for entry in situations for identity in entry["contrasts"]])
    found: dict[str, list[Comparison]] = {}
    for entry in situations:
        found[entry["situation"]] = []
        for identity, names in entry["contrasts"].items():
            if identity not in rows:
                raise PoolscopeError(f"experiments/guide.yaml: there is no contrast {identity!r} in the ledger.")
            known = sides.get(identity, Sides())
            context = ", ".join((str(rows[identity]["context"]), *names[2:]))
            row = rows[identity] | {"context": context}
            found[entry["situation"]].append(compare(row, names[0], names[1], known.work, known.accuracies))
    return found


@dataclass(frozen=True)
class Sides:
    """What the runs of a contrast say beside its measure; NaN where they don't.

    work: multiply-accumulates of its arm over those of its baseline. accuracies: mean test accuracies of both in per
    cent, over the seeds of both, where the contrast is about consistency.
    """

    work: float = math.nan
    accuracies: tuple[float, float] = (math.nan, math.nan)


def find_sides(results: str | Path, identities: Iterable[str]) -> dict[str, Sides]:
    """{contrast: what the committed tables say of its two sides}, for those whose study has tables."""
    wanted = set(identities)
    found = {}
    read: dict[str, pd.DataFrame] = {}
    for contrast in list_contrasts():
        path = Path(results) / contrast.study / "tables" / "runs.csv"
        if contrast.id not in wanted or not path.is_file():
            continue
        if contrast.study not in read:
            runs = pd.read_csv(path, low_memory=False)
            read[contrast.study] = runs[runs["status"] == "done"]
        filters = ({**contrast.where, **side} for side in (contrast.arm, contrast.baseline))
        arm, baseline = (select_runs(read[contrast.study], chosen) for chosen in filters)
        tested = contrast.measure.startswith("consistency")
        found[contrast.id] = Sides(_divide_work(arm, baseline), _average(arm, baseline) if tested else Sides.accuracies)
    return found


def _divide_work(arm: pd.DataFrame, baseline: pd.DataFrame) -> float:
    work = [side["macs"].dropna().unique() if "macs" in side else [] for side in (arm, baseline)]
    one_each = all(len(counts) == 1 and counts[0] > 0 for counts in work)
    return float(work[0][0] / work[1][0]) if one_each else math.nan


def _average(arm: pd.DataFrame, baseline: pd.DataFrame) -> tuple[float, float]:
    both = set(arm["seed"]) & set(baseline["seed"])
    first, second = (float(100 * side.loc[side["seed"].isin(both), "test_accuracy"].mean()) for side in (arm, baseline))
    return first, second


def say_pairs(pairs: pd.DataFrame) -> str:
    """Say which choice is shown to be ahead of another in every network that compares them, and where it depends."""
    rows = pairs.to_dict("records")
    everywhere = [
        f"{row['choice']} rather than {row['against']} ({row['networks']})"
        for row in rows
        if not row["behind"] and not row["not shown"]
    ]
    mixed = [
        f"{row['choice']} or {row['against']} (ahead in {_count_marks(row['ahead'])}, behind in "
        f"{_count_marks(row['behind'])} of {row['networks']})"
        for row in rows
        if row["behind"]
    ]
    text = "Shown to test better in every network that compares the two (how many networks, at least two): "
    text += f"{'; '.join(everywhere)}. "
    depends = f"What depends on the network: {'; '.join(mixed)}. "
    return (text if everywhere else "") + (depends if mixed else "")


def _count_marks(marks: str) -> int:
    return len(marks.split(", "))


def say_limits(results: str | Path, studies: Iterable[str], drawn: bool) -> str:
    """Say how large the networks of the studies were, how long they were trained and on what, by their tables.

    drawn: whether the page has the figure of differences against the number of images.
    """
    columns = ["data.name", "parameters", "steps"]
    tables = [Path(results) / study / "tables" / "runs.csv" for study in studies]
    read = [pd.read_csv(path).reindex(columns=columns).dropna() for path in tables if path.is_file()]
    runs = pd.concat([pd.DataFrame(columns=columns), *read])
    if runs.empty:
        return "No study has all of its runs in its tables yet."
    sizes = {column: f"{runs[column].min():,.0f} to {runs[column].max():,.0f}" for column in ("parameters", "steps")}
    figure = ": the figure below shows how much it moves with the number of images" if drawn else ""
    return _LIMITS.format(**sizes, data=describe_context(runs[["data.name"]]), figure=figure)


def find_effects(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows of a study's comparison with a difference to a baseline, and `images`, the size in their setting."""
    images = comparison["setting"].str.extract(r"train_size=(\d+)", expand=False)
    known = comparison.assign(images=pd.to_numeric(images))
    return known[known["images"].notna() & known["difference"].notna()]


def _count_choices(situations: dict[str, list[Comparison]]) -> str:
    every = [one for comparisons in situations.values() for one in comparisons]
    shown = [one for one in every if one.shown]
    waiting = sum(one.waits for one in every)
    facts = sum(one.row["verdict"] == DESCRIBED for one in shown)
    neither = len(every) - len(shown) - waiting
    return (
        f"{len(every)} comparisons in {len(situations)} situations: in {len(shown)} one choice is shown to be better "
        f"in what is compared ({facts} of them decide no claim), in {neither} neither is, {waiting} wait for runs. "
        "Nothing stands here that is not in the tables."
    )
