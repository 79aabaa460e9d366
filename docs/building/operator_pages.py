"""A page for each operator: definition, forward and backward on a 4x4, responses, what was measured, its paper.

`write_operator_pages` is what Sphinx's configuration calls. Numbers come from committed tables; an operator that isn't
in one has no line from it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from building.reference import describe_options
from poolscope.commands.apply import apply_traced, read_matrix
from poolscope.reports.figures.files import save_figure
from poolscope.reports.figures.gallery import draw_impulse, draw_response
from poolscope.reports.figures.routing import draw_routing
from poolscope.reports.figures.style import make_grid, styled
from poolscope.spec.config import PoolConfig
from poolscope.spec.declaration import Operator
from poolscope.spec.operators import OPERATORS

_HERE = Path(__file__).parent
_GALLERY = {  # column: what it is, in words
    "gain": "gain on a constant",
    "parameters": "parameters of the gallery's layer",
    "photo_r2": "R² of a linear reconstruction of photographs",
    "aliasing": "aliased share of the output's energy that varies (AC)",
    "shift_error": "shift error",
}


def write_operator_pages(folder: Path, results: Path) -> list[Path]:
    """Write <name>.md with its pictures into `folder` for each of poolscope's own operators that has a layer.

    Args:
        folder: of the pages; made where it is missing.
        results: folder of committed results.

    Returns:
        The pages, in the catalogue's order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        path: pd.read_csv(results / path, keep_default_na=False, encoding="utf-8")
        for path in (
            *("gallery/tables/operators.csv", "gallery/tables/impulse.csv", "gallery/tables/response.csv"),
            *("every_operator/tables/comparison.csv", "one_epoch/tables/runs.csv", "operators/tables/cost.csv"),
            *("operators/tables/operators.csv", "operators/tables/invariance.csv"),
        )
        if (results / path).is_file()
    }
    pages = []
    for operator in OPERATORS.values():
        if operator.has_layer and not operator.package:
            pages.append(folder / f"{operator.name}.md")
            pages[-1].write_text("\n".join(describe_operator(operator, tables, folder)) + "\n", encoding="utf-8")
    return pages


def describe_operator(operator: Operator, tables: dict[str, pd.DataFrame], folder: Path) -> list[str]:
    """The lines of an operator's page; its pictures are written into `folder`."""
    name = operator.name
    lines = [f"# {name}", "", f"{operator.summary[:1].upper()}{operator.summary[1:]}: `{operator.formula}`", ""]
    lines += [f"({operator.source}). Documentation of the function and the layer: [](../operators.md).", ""]
    lines += [*describe_recommendation(operator), ""] if find_reference(operator.source) else []
    if options := describe_options(operator):
        lines += ["## Options", "", *options, ""]
    lines += ["## Forward and backward", "", f"`poolscope apply pool={name} --gradient`", ""]
    save_figure(draw_backward(name), folder, f"{name}-backward", ["svg"])
    lines += [f"![{name} on a 4x4 matrix and its gradient]({name}-backward.svg)", ""]
    if figure := draw_responses(name, tables):
        save_figure(figure, folder, f"{name}-responses", ["svg"])
        lines += ["## Responses", "", "To an impulse, and to waves: gain (solid), its fundamental (dashed); beyond the"]
        lines += ["line, waves are folded onto lower ones.", "", f"![responses of {name}]({name}-responses.svg)", ""]
    if measured := list(describe_measured(name, tables)):
        lines += ["## What was measured here", "", *measured, ""]
    if entry := find_reference(operator.source):
        lines += ["## Reference", "", "```bibtex", entry, "```", ""]
    return lines


def describe_recommendation(operator: Operator) -> list[str]:
    """What its source recommends it for, from its declaration."""
    lines = ["## When its source recommends it", ""]
    if not operator.recommended:
        return [*lines, f"No recommendation was found in {operator.source.rpartition(' of ')[2]}."]
    text = operator.recommended[:1].upper() + operator.recommended[1:]
    return [*lines, f"{text}. ({operator.source}, by its abstract; what was measured here stands below.)"]


def draw_backward(name: str) -> Figure:
    """The operator on the tutorial's 4x4 matrix, with the gradient of the sum of its outputs."""
    return draw_routing([apply_traced(PoolConfig(name=name), read_matrix(None))])


def draw_responses(name: str, tables: dict[str, pd.DataFrame]) -> Figure | None:
    """Impulse and frequency response from the gallery's tables; None where it has none."""
    frames = [
        tables.get(f"gallery/tables/{table}.csv", pd.DataFrame({"name": []})) for table in ("impulse", "response")
    ]
    impulse, response = (frame[frame["name"] == name] for frame in frames)
    if impulse.empty or response.empty:
        return None
    with styled():
        figure, (left, right) = make_grid(2, 2, 1.9)
        draw_impulse(impulse[impulse["form"] == impulse["form"].iloc[0]], left)
        draw_response(response, right, name).set_xlabel("cycles per pixel")
    return figure


def describe_measured(name: str, tables: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Lines of the committed tables that concern the operator, each with its n and its source."""
    for row in _rows(tables, "one_epoch/tables/runs.csv", "pool.name", name).to_dict("records"):
        yield (
            f"- {row['data.name']}, one epoch of {float(row['train_size']):,.0f} images, n = 1: test accuracy "
            f"{100 * float(row['test_accuracy']):.1f} %; equal predictions under shifts by at most one pixel "
            f"{float(row['consistency_circular_1']):.3f} wrapped, {float(row['consistency_zero_1']):.3f} with zeros "
            "(`results/one_epoch`)"
        )
    for row in _rows(tables, "operators/tables/invariance.csv", "pool", name).to_dict("records"):
        network = "" if row["network"] == "strided" else f", {row['network']}"
        exact = " (no logit moved)" if str(row["exact_circular"]) == "True" else ""
        yield (
            f"- {row['data']}, untrained networks{network}, n = {row['seeds']} seeds, {row['images']} images: equal "
            f"predictions under shifts by whole pixels up to 3 {float(row['consistency_circular']):.4f}{exact}, by "
            f"halves up to 1 {float(row['consistency_subpixel']):.4f} (`results/operators`)"
        )
    for row in _rows(tables, "operators/tables/operators.csv", "pool", name).to_dict("records"):
        aliasing = f"; aliased energy {_short(row['aliasing'])}" if row["aliasing"] != "" else ""
        yield (
            f"- {row['data']} images by themselves, window {row['window']}, n = {row['n']}: R² of a linear "
            f"reconstruction {_short(row['r2_global'])}{aliasing} (`results/operators`)"
        )
    gallery = _rows(tables, "gallery/tables/operators.csv", "name", name)
    for column, words in _GALLERY.items():
        for value in gallery.get(column, ()):
            if value != "":
                yield f"- {words}: {_short(value)} (`results/gallery`)"
    for row in _rows(tables, "operators/tables/cost.csv", "contender", name).to_dict("records"):
        yield (
            f"- images per CPU-second, as a multiple of max's, median of {row['rounds']} rounds: "
            f"{_short(row['ratio'])} (`results/operators`)"
        )
    runs = tables.get("every_operator/tables/comparison.csv", pd.DataFrame({"arm": [], "setting": []}))
    for row in runs.to_dict("records"):
        if str(row["arm"]).rpartition(" ")[0] == name:
            accuracy = 100 * float(row["test_accuracy"])
            where = f"{row['setting']}, window {str(row['arm']).rpartition(' ')[2]}, n = {row['n']}"
            yield f"- test accuracy after 2,000 images: {accuracy:.1f} % ({where}; `results/every_operator`)"


def find_reference(source: str) -> str:
    """The BibTeX entry of a source such as "Zeiler & Fergus 2013"; "" where there is none."""
    key = re.sub(r"[^a-z0-9]", "", source.rpartition(" of ")[2].lower())
    for line in (_HERE / "operators.bib").read_text(encoding="utf-8").splitlines():
        if line.startswith("@") and line.partition("{")[2].startswith(f"{key},"):
            return re.sub(r", (?=[a-z]+ = \{)", ",\n  ", line[:-1]) + "\n}"
    return ""


def _rows(tables: dict[str, pd.DataFrame], table: str, column: str, name: str) -> pd.DataFrame:
    frame = tables.get(table, pd.DataFrame({column: []}))
    return frame[frame[column] == name]


def _short(value: object) -> str:
    number = float(value)  # type: ignore[arg-type]
    return f"{number:,.0f}" if abs(number) >= 1000 and np.isfinite(number) else f"{number:.3g}"


if __name__ == "__main__":
    write_operator_pages(*map(Path, sys.argv[1:]))
