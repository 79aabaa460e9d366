"""The gallery's page: a card for each operator and a reference table, drawn from tables alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from poolscope.reports.figures.axes import draw_map
from poolscope.reports.figures.files import save_figure
from poolscope.reports.figures.gallery import (
    LOSS,
    colour_lost,
    draw_impulse,
    draw_response,
    exceeds_unit,
    show_impulse,
    show_picture,
    show_response,
    to_unit,
)
from poolscope.reports.figures.style import make_grid, styled
from poolscope.spec.errors import PoolscopeError
from poolscope.store.files import write_text

TABLES = {  # and their columns of text
    "operators": (
        *("name", "family", "summary", "formula", "options", "learnable", "stochastic", "stated_gain", "source"),
        *("output", "shift_equivariant", "differentiable", "note"),
    ),
    "response": ("name",),
    "impulse": ("name", "form"),
    "maps": ("name", "map", "levels"),
}
FAMILIES = {
    "reference": "Reference",
    "extremes": "Extremes",
    "averages": "Averages",
    "norms": "Norms and means between average and max",
    "blends": "Blends of max and average",
    "ranks": "Sorted windows",
    "sampling": "One cell of the window",
    "blur": "Anti-aliased",
    "phases": "Polyphase components",
    "spectral": "Spectra",
    "weighted": "Weighted by what the window holds",
    "learned": "Learned weights and lifting",
    "grids": "Bins, random regions and grids",
    "strided": "Convolutions with a stride",
    "heads": "Whole maps",
    "other": "Others",
}
MEASURES = (
    (
        "Lost",
        "The image less what the best linear reader rebuilds from the output, blue where the image is brighter; full "
        f"colour at {LOSS:g} of the grey range. For the photograph the reader sees 3x3 outputs and rebuilds the middle "
        "one's cell; it was fitted on patches of both of scikit-learn's photographs. For the digit it sees the "
        "whole output; it was fitted on other digits.",
    ),
    (
        "Linear readers recover",
        "R², the share of the variance that those readers rebuild on patches and digits that they were not fitted on: "
        "what the output still holds, whatever its scale. 1 is all of it, 0 no more than the mean.",
    ),
    (
        "Impulse response",
        "An output's answer to a single 1 on a map of zeros, less its answer to nothing, by where that 1 lies; the "
        "frame is the output's window. Blue is positive, orange negative. A quarter of the sum is the mean answer to a "
        "1 somewhere in the window. Of an operator that isn't linear this tells little about other maps.",
    ),
    (
        "Gain at each frequency",
        "Root of the ratio of output to input energy for waves 0.5 + 0.5 cos(2πfx + phase), over all phases; dashed: "
        "the part that is still the same wave, the rest is distortion. Above ¼ cycle per pixel, the Nyquist frequency "
        "of the output, whatever passes is taken for a lower frequency.",
    ),
    (
        "Aliasing",
        "Share of the varying energy that the operator at stride 1, on the photograph without edges, has above the "
        "output's Nyquist frequency, and that subsampling folds onto lower ones. Only where the operator is a stride-1 "
        "operator and a fixed subsampling.",
    ),
    (
        "Shift error",
        "The output of the photograph shifted by a pixel on a torus, against its output shifted by 0, ½ or 1 cell "
        "(whichever is nearest), relative to the output's spread. Equivariant means at most 0.05.",
    ),
    (
        "Gain on a constant",
        "What a constant positive map is multiplied by: the catalogue's formula, where it has one, and as measured.",
    ),
    (
        "Cost",
        "FLOPs that XLA counts for one evaluation of the photograph on a CPU, for each number that comes out: "
        "comparisons count, copies don't.",
    ),
    (
        "Gradient",
        "Share of the photograph's numbers that get a gradient in training when every output has one.",
    ),
    (
        "Training and evaluation",
        "Root mean square difference of one random draw, and of the mean of 64 draws, from the evaluated output, in "
        "standard deviations of the latter. Where evaluation is the expectation, the second is about an eighth of the "
        "first.",
    ),
)
_PICTURES = {
    "photo": "pooled",
    "photo_drawn": "one draw in training",
    "photo_residual": "lost",
    "digit": "digit pooled",
    "digit_residual": "lost of the digit",
}


@dataclass(frozen=True)
class Gallery:
    """The four tables; maps decoded to arrays (height, width, channels), by operator ("" for the images) and map."""

    operators: pd.DataFrame
    response: pd.DataFrame
    impulse: pd.DataFrame
    maps: Mapping[tuple[str, str], np.ndarray]


@dataclass(frozen=True)
class Card:
    """One operator as the page shows it: its row, its pictures and its facts in words."""

    row: Mapping[str, Any]
    pictures: tuple[tuple[Markup, str], ...]
    facts: tuple[tuple[str, str], ...]


def read_gallery(folder: Path) -> Gallery:
    """The tables that `gallery.write_gallery` wrote; raises PoolscopeError where one is missing."""
    frames = {}
    for name, texts in TABLES.items():
        path = folder / f"{name}.csv"
        if not path.is_file():
            raise PoolscopeError(f"The gallery has no table {path}; poolscope gallery measures and draws it.")
        frame = pd.read_csv(path, dtype=dict.fromkeys(texts, "str"), keep_default_na=False, encoding="utf-8")
        numbers = [column for column in frame if column not in texts]
        frames[name] = frame.assign(**{column: pd.to_numeric(frame[column]) for column in numbers})
    maps = {(row["name"], row["map"]): _decode(row) for row in frames.pop("maps").to_dict("records")}
    return Gallery(**frames, maps=maps)


def build_page(results: str | Path) -> Path:
    """Read <results>/gallery/tables and write gallery.html (self-contained), gallery.md and figures beside them."""
    folder = Path(results) / "gallery"
    gallery = read_gallery(folder / "tables")
    sections = {family: frame["name"].tolist() for family, frame in gallery.operators.groupby("family", sort=False)}
    sections = {family: sections[family] for family in sorted(sections, key=_place)}
    try:
        for family, names in sections.items():
            if not any((name, "photo") in gallery.maps for name in names):
                continue
            svg, _ = save_figure(plot_family(gallery, names), folder / "figures", family)
            svg.unlink()  # mostly bitmaps: no sharper than the PNG, and as large
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=lambda name: bool(name) and ".html" in str(name),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
        facts = {
            "sections": [
                (family, FAMILIES.get(family, family), [make_card(gallery, name) for name in names])
                for family, names in sections.items()
            ],
            "reference": tabulate_operators(gallery.operators),
            "photo": show_picture(gallery.maps["", "photo"], "the photograph, 64x64 pixels"),
            "digit": show_picture(gallery.maps["", "digit"], "the digit, 8x8 pixels"),
            "measures": MEASURES,
            "loss": f"{LOSS:g}",
        }
        for name in ("gallery.md", "gallery.html"):
            write_text(environment.get_template(f"{name}.j2").render(facts), folder / name)
    except OSError as error:
        raise PoolscopeError(
            f"Can't write the gallery to {folder} ({error.strerror or error}); make the folder writable or choose "
            f"another with --results."
        ) from error
    return folder / "gallery.html"


def make_card(gallery: Gallery, name: str) -> Card:
    """What the page shows of one operator."""
    row = next(row for row in gallery.operators.to_dict("records") if row["name"] == name)
    pictures: list[tuple[Markup, str]] = []
    for label, caption in _PICTURES.items():
        if (name, label) in gallery.maps:
            values = gallery.maps[name, label]
            lost = label.endswith("residual")
            picture = show_picture(values, f"{caption} by {name}", signed=lost)
            outside = not lost and exceeds_unit(values)
            span = f", shown from {min(0, values.min()):.2g} to {values.max():.2g}" if outside else ""
            pictures.append((picture, caption + span))
    if not pictures:
        return Card(row, (), (("Source", row["source"]),))
    impulses = gallery.impulse[gallery.impulse["name"] == name]
    for form in dict.fromkeys(["evaluated", *impulses["form"]]):
        answers = impulses[impulses["form"] == form]
        total, peak = answers["response"].sum(), answers["response"].abs().max() if len(answers) else 0
        which = "" if form == "evaluated" else f", {form}"
        pictures.append((show_impulse(answers), f"impulse response{which}: sum {total:.3g}, peak {peak:.2g}"))
    response = gallery.response[gallery.response["name"] == name]
    pictures.append((show_response(response, name), "gain at each frequency (cycles per pixel)"))
    return Card(row, tuple(pictures), tuple(_list_facts(row)))


def tabulate_operators(operators: pd.DataFrame) -> pd.DataFrame:
    """The reference table of all operators, as texts."""
    return pd.DataFrame(
        [
            {
                "pool=": row["name"],
                "definition": row["formula"],
                "parameters": row["learnable"],
                "differentiable": {"True": "yes", "False": "no", "": "–"}[row["differentiable"]],
                "random": "yes" if row["stochastic"] == "True" else "no",
                "gradient reaches": _show(100 * row["gradient_cells"], ".0f") + " %" * (row["output"] != ""),
                "gain": _say_gain(row),
                "photo kept": _show(row["photo_r2"], ".3f"),
                "digit kept": _show(row["digit_r2"], ".3f"),
                "aliasing": _show(row["aliasing"], ".3f"),
                "shift error": _show(row["shift_error"], ".3f"),
                "shift-equivariant": {"True": "yes", "False": "no", "": "–"}[row["shift_equivariant"]],
                "FLOPs per output": _say_cost(row),
                "source": row["source"],
            }
            for row in operators.to_dict("records")
        ]
    )


def _list_facts(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    kept = f"R² {_show(row['photo_r2'], '.3f')} of the photographs, {_show(row['digit_r2'], '.3f')} of the digits"
    aliasing = f"– ({row['note']})" if row["note"] else f"{100 * row['aliasing']:.1f} % of the AC energy"
    equivariant = {"True": " (equivariant)", "False": "", "": " (constant output)"}[row["shift_equivariant"]]
    difference = "the same"
    if row["stochastic"] == "True":
        difference = (
            f"one draw differs by {row['draw_difference']:.2f}, the mean of 64 by {row['mean_difference']:.2f} "
            "standard deviations"
        )
    return [
        ("Output", row["output"].replace("x", "×")),
        ("Linear readers recover", kept),
        ("Aliasing", aliasing),
        ("Shift error", _show(row["shift_error"], ".3f") + equivariant),
        ("Gain on a constant", _say_gain(row)),
        ("Parameters", _say_parameters(row)),
        ("Cost", f"{_say_cost(row)} FLOPs per output"),
        ("Gradient", _say_gradient(row)),
        ("Training and evaluation", difference),
        ("Source", row["source"]),
    ]


def _say_parameters(row: Mapping[str, Any]) -> str:
    formula, measured = row["learnable"], f"{row['parameters']:g}"
    if formula == "0":
        return "none"
    if measured == "0":
        return f"none; {formula} with pool.learn=true"
    return measured if formula == measured else f"{formula}: {measured} for 3 channels"


def _say_gain(row: Mapping[str, Any]) -> str:
    if math.isnan(row["gain"]):
        return str(row["stated_gain"])
    measured = f"{row['gain']:.3g}"
    return measured if row["stated_gain"] == "1" else f"{row['stated_gain']}: {measured}"


def _say_gradient(row: Mapping[str, Any]) -> str:
    share = row["gradient_cells"]
    return "–" if math.isnan(share) else f"yes, to {100 * share:.0f} % of the input"


def _say_cost(row: Mapping[str, Any]) -> str:
    """FLOPs for each number that comes out."""
    if not row["output"]:
        return "–"
    each = row["flops"] / math.prod(map(int, row["output"].split("x")))
    return _show(each, ",.0f" if each >= 100 else ".3g")


def _show(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def _place(family: str) -> int:
    return list(FAMILIES).index(family) if family in FAMILIES else len(FAMILIES)


def _decode(row: Mapping[str, Any]) -> np.ndarray:
    levels = np.frombuffer(bytes.fromhex(row["levels"]), np.uint8)
    values = row["low"] + levels / 255 * (row["high"] - row["low"])
    return values.reshape(row["height"], row["width"], row["channels"])


def plot_family(gallery: Gallery, names: list[str]) -> Figure:
    """A row for each operator: pooled photograph, what was lost of it, pooled digit, impulse and frequency response."""
    shown = [name for name in names if (name, "photo") in gallery.maps]
    with styled():
        figure, axes = make_grid(5 * len(shown), 5, height=1.35, gridspec_kw={"width_ratios": [1, 1, 1, 1, 1.9]})
        for row, name in enumerate(shown):
            photo, lost, digit, impulse, response = axes[5 * row : 5 * row + 5]
            draw_map(to_unit(gallery.maps[name, "photo"]), photo)
            draw_map(colour_lost(gallery.maps[name, "photo_residual"]), lost)
            draw_map(1 - to_unit(gallery.maps[name, "digit"])[..., 0], digit, 0, 1)
            photo.set_ylabel(name, fontweight="bold")
            answers = gallery.impulse[(gallery.impulse["name"] == name) & (gallery.impulse["form"] == "evaluated")]
            draw_impulse(answers, impulse)
            draw_response(gallery.response[gallery.response["name"] == name], response, name)
            if row == 0:
                for ax, title in zip(axes, ("pooled", "lost", "digit", "impulse", "gain by frequency"), strict=False):
                    ax.set_title(title)
            if row == len(shown) - 1:
                response.set_xlabel("cycles per pixel")
    return figure
