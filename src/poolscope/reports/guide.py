"""results/guide: which pooling to use, as a table of situations that is computed from the ledger."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from poolscope.reports.document import Plot, Section, write_document
from poolscope.reports.figures.guide import plot_effects
from poolscope.reports.figures.ledger import mark_added
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped
from poolscope.statistics.claims import list_contrasts
from poolscope.statistics.context import describe_context
from poolscope.statistics.specification_curve import list_rates
from poolscope.statistics.verdicts import DESCRIBED, UNMET

TITLE = "Which pooling should I use?"
SUMMARY = "For a situation: the choice that tested better, by how much, and the contrast that says so."
_FACT = "decides no claim"
_KINDS = ("difference", "noninferior")  # of contrasts whose effect is arm minus baseline
_MEASURES = {"test_accuracy": "test accuracy", "accuracy_corrupted": "accuracy under corruptions"}  # more is better
_RULE = (
    "Each line is one contrast of the ledger: two choices in the same network, with the same seeds. The one that is "
    "named first tested better, by an interval at 95 % that leaves out no difference; it is simultaneous over all "
    "contrasts of the claim that it decides, alone where it decides none, and not over the lines of this table. Where "
    "it doesn't, neither is shown "
    "to be better, which is not to say that they are equal. A line with fewer seeds than were planned recommends "
    "nothing. All contrasts stand here that compare two choices in accuracy or consistency, and not all operators have "
    "one: the studies' own pages compare more arms. The situations were named when all results but the ladder's were "
    "known. † was added after its runs had been seen; δ is the smallest effect "
    "that matters; sign at k of m rates: at how many shared learning rates the trials of the tuning have the same sign."
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
    table = show_choices(guide["situations"], verdicts, list_rates(list_contrasts()))
    whole = verdicts["id"].isin(shown) & (verdicts["n"] > 0) & (verdicts["n"] >= verdicts["planned"])
    compared = Path(results) / str(guide["scaling"]) / "tables" / "comparison.csv"
    effects = find_effects(pd.read_csv(compared)) if compared.is_file() else pd.DataFrame()
    limits = say_limits(results, sorted(verdicts.loc[whole, "study"].unique()), drawn=len(effects) > 0)
    sections = [Section("Situations", (_RULE,), table), Section("How far this goes", (limits,))]
    if len(effects):
        plot = Plot("effects", plot_effects(effects, guide["names"]), _SCALING)
        sections.append(Section("How the differences change with the number of images", plots=(plot,)))
    return write_document(Path(results) / "guide", TITLE, _count_choices(table), sections, overview=overview)


def read_guide(path: Path) -> dict[str, Any]:
    """{"scaling": a study, "names": {arm: words}, "situations": [{"situation": words, "contrasts": {id: sides}}]}.

    sides: what arm and baseline of the contrast are called.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in content["situations"]:
        entry["contrasts"] = {str(identity): sides for identity, sides in entry["contrasts"].items()}
    return dict(content)


def show_choices(situations: list[dict[str, Any]], verdicts: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """A row for each contrast of each situation: what to choose, over what, by how much, n, and what that rests on.

    verdicts, rates: of the ledger, and of `list_rates`.
    """
    rows = {row["id"]: row for row in verdicts.to_dict("records")}
    cells = []
    for entry in situations:
        for place, (identity, sides) in enumerate(entry["contrasts"].items()):
            if identity not in rows:
                raise PoolscopeError(f"experiments/guide.yaml: there is no contrast {identity!r} in the ledger.")
            row = rows[identity]
            remarks = "; ".join(remark(row, rates[(rates["id"] == identity) & rates["rate"].notna()]))
            situation = "" if place else entry["situation"]
            cells.append({"situation": situation, **choose(row, *sides), "remarks": remarks})
    return pd.DataFrame(cells)


def choose(row: Mapping[str, Any], arm: str, baseline: str) -> dict[str, str]:
    """What a contrast recommends, as texts: choose, over, gain, seeds, contrast.

    Raises PoolscopeError for a contrast that doesn't compare two choices by a measure of which more is better.
    """
    if not is_comparison(row):
        raise PoolscopeError(
            f"experiments/guide.yaml: contrast {row['id']} must be the difference of two choices in accuracy or "
            f"consistency, not a {row['kind']} of {row['measure']}."
        )
    n, planned = (0 if pd.isna(row[key]) else int(row[key]) for key in ("n", "planned"))
    rests = {"of": _name_measure(row["measure"]), "seeds": str(n) if n >= planned else f"{n} of {planned}"}
    rests["contrast"] = f"{mark_added(row)} ({row['study']}: {row['context']})"
    if n < planned:
        return {"choose": "not known yet", "over": f"{arm} or {baseline}", "by": "", **rests}
    effect, low, high = (float(row[key]) for key in ("effect", "low", "high"))
    if high < 0:
        arm, baseline, effect, low, high = baseline, arm, -effect, -high, -low
    gain = _show_gain(effect, low, high, row["unit"])
    if low <= 0:
        return {"choose": "either: no difference shown", "over": f"{arm} or {baseline}", "by": gain, **rests}
    return {"choose": arm, "over": baseline, "by": gain, **rests}


def remark(row: Mapping[str, Any], rates: pd.DataFrame) -> list[str]:
    """What to know of a contrast before its line is relied on; rates: its effects at shared learning rates."""
    if row["n"] < row["planned"] or pd.isna(row["effect"]):
        return []
    remarks = []
    if row["verdict"] == DESCRIBED:
        remarks.append(f"{_FACT}, interval alone: {row['because']}")
    if row["verdict"] == UNMET:
        remarks.append("its claim's premise is not met")
    if abs(row["effect"]) < row["delta"]:
        remarks.append(f"less than δ ({row['delta']:g})")
    if len(rates):
        same = int((np.sign(rates["effect"]) == np.sign(row["effect"])).sum())
        remarks.append(f"sign at {same} of {len(rates)} rates")
    if pd.isna(row["image_error"]):
        remarks.append("without the error of its test images")
    return remarks


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


def is_comparison(row: Mapping[str, Any]) -> bool:
    """Whether a contrast compares two choices by a measure of which more is better."""
    return row["kind"] in _KINDS and bool(_name_measure(str(row["measure"])))


def _name_measure(measure: str) -> str:
    shifts = re.fullmatch(r"consistency_\w+?_(\d+)", measure)
    return f"the same prediction when shifted by up to {shifts[1]} pixels" if shifts else _MEASURES.get(measure, "")


def _show_gain(effect: float, low: float, high: float, unit: str) -> str:
    """A gain with its interval; that of a logarithm of errors as the factor on them."""
    if unit == "log_error":
        return f"{math.exp(-effect):.2f} times the errors ({math.exp(-high):.2f} to {math.exp(-low):.2f})"
    effect, low, high = (
        round(value, 9) for value in (effect, low, high)
    )  # as tables have it: -0.15, not -0.150000000000002
    return f"{effect:+.1f} points ({low:.1f} to {high:.1f})"


def find_effects(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows of a study's comparison with a difference to a baseline, and `images`, the size in their setting."""
    images = comparison["setting"].str.extract(r"train_size=(\d+)", expand=False)
    known = comparison.assign(images=pd.to_numeric(images))
    return known[known["images"].notna() & known["difference"].notna()]


def _count_choices(table: pd.DataFrame) -> str:
    waiting = int((table["choose"] == "not known yet").sum())
    even = int(table["choose"].str.startswith("either").sum())
    shown = len(table) - waiting - even
    chosen = ~table["choose"].str.startswith(("either", "not known"))
    facts = int((chosen & table["remarks"].str.contains(_FACT)).sum())
    return (
        f"{len(table)} comparisons in {int((table['situation'] != '').sum())} situations: in {shown} one choice is "
        f"shown to test better ({facts} of them decide no claim), in {even} neither is, {waiting} wait for runs. "
        "Nothing stands here that is not in the tables."
    )
