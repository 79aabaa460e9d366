"""What the gallery's page shows of each operator: pictures, facts in words, and its row of the reference table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from poolscope.reports.figures.gallery import exceeds_unit, show_impulse, show_picture, show_response
from poolscope.reports.gallery_tables import Gallery

_PICTURES = {
    "photo": "pooled",
    "photo_drawn": "one draw in training",
    "photo_residual": "lost",
    "digit": "digit pooled",
    "digit_residual": "lost of the digit",
}


@dataclass(frozen=True)
class Card:
    """One operator as the page shows it: its row, its pictures and its facts in words."""

    row: Mapping[str, Any]
    pictures: tuple[tuple[Markup, str], ...]
    facts: tuple[tuple[str, str], ...]


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
        ("Linear probes recover", kept),
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
