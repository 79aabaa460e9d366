"""The ledger plot: a line for each contrast, its effect in units of δ with its interval, and what it says."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from poolscope.reports.figures.style import GREY, WIDTH, styled
from poolscope.statistics.verdicts import ADDED

_GREEN, _RED, _AMBER = "#007A58", "#B84A00", "#8A6000"
LOOKS: Mapping[str, Mapping[str, Any]] = {
    "strongly supported": {"color": _GREEN, "marker": "P"},
    "supported": {"color": _GREEN, "marker": "o"},
    "open": {"color": _AMBER, "marker": "^"},
    "refuted-reversed": {"color": _RED, "marker": "X"},
    "refuted": {"color": _RED, "marker": "s"},
    "inconclusive": {"color": GREY, "marker": "D"},
    "described": {"color": GREY, "marker": "o"},
    "premise not met": {"color": GREY, "marker": "v"},
    "not reached": {"color": GREY, "marker": "none"},
}
_LINE = 0.148  # inches for a line of text
_LETTERS = 62  # that fit beside the panel
_TICKS = (-100, -50, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100)
_WIDE_TICKS = (-100, -10, -2, -1, 0, 1, 2, 10, 100)  # where the axis goes on to 10 and more


def find_look(verdict: str) -> Mapping[str, Any]:
    """{color, marker} of a verdict; every way to be refuted but reversed looks the same."""
    return LOOKS.get(verdict, LOOKS["refuted" if verdict.startswith("refuted") else "not reached"])


def mark_added(row: Mapping[str, Any]) -> str:
    """The contrast's id, with a dagger where it was added after the runs."""
    return f"{row['id']}†" if row["registration"] == ADDED else str(row["id"])


def plot_verdicts(verdicts: pd.DataFrame, claims: pd.DataFrame | None = None) -> Figure:
    """Draw a row per contrast: signed effect / δ with interval, the band (-δ, δ), verdict, n, what a t test detects.

    verdicts: as from `judge_contrasts`. claims: number, statement, verdict; where given, contrasts stand below theirs.
    """
    rows = _arrange(verdicts, claims)
    heights = [_LINE * (1 + row["text"].count("\n")) + (0.07 if row["heading"] else 0.035) for row in rows]
    top, bottom, total = 0.42, 0.62, sum(heights)
    with styled():
        figure = Figure(figsize=(WIDTH, top + total + bottom))
        height = top + total + bottom
        ax = figure.add_axes((0.465, bottom / height, 0.29, total / height))
        ax.axvspan(-1, 1, color="#EDEDED", linewidth=0, zorder=0)
        ax.axvline(0, color=GREY, linewidth=0.8)
        y = 0.0
        for row, tall in zip(rows, heights, strict=True):
            _draw_row(ax, row, y - tall / 2)
            y -= tall
        _set_axis(ax, verdicts, total)
        for x, text in ((1.03, "verdict"), (1.50, "n"), (1.63, "t det.")):
            ax.annotate(text, (x, 1), xycoords="axes fraction", xytext=(0, 4), textcoords="offset points", fontsize=6.5)
        names = ["strongly supported", "supported", "refuted-reversed", "refuted", "inconclusive"]
        names.append("described")
        names.insert(2, "open") if claims is not None else None
        handles = [
            Line2D([], [], **find_look(name), linestyle="none", markersize=4.5, label=name.replace("refuted-r", "r"))
            for name in names
        ]
        figure.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=6.5, handletextpad=0.1)
    return figure


def _arrange(verdicts: pd.DataFrame, claims: pd.DataFrame | None) -> list[dict[str, Any]]:
    """The lines of the figure from the top: headings of claims, and contrasts."""
    lines = [
        row | {"heading": False, "text": textwrap.fill(f"{mark_added(row)}  {row['hypothesis']}", _LETTERS)}
        for row in verdicts.to_dict("records")
    ]
    if claims is None:
        return lines
    arranged = []
    for claim in claims.to_dict("records"):
        text = textwrap.fill(f"{claim['number']}. {claim['statement']}", _LETTERS - 10)
        arranged.append({"heading": True, "text": text, "verdict": claim["verdict"]})
        arranged += [line for line in lines if line["claim"] == claim["number"]]
    return arranged


def _draw_row(ax: Axes, row: Mapping[str, Any], y: float) -> None:
    look = find_look(row["verdict"])
    style: dict[str, Any] = {"va": "center", "fontsize": 6.5, "transform": ax.get_yaxis_transform(), "clip_on": False}
    weight = "bold" if row["heading"] else "normal"
    ax.text(-1.58, y, row["text"], **style, fontweight=weight, linespacing=1.15)
    ax.text(1.03, y, row["verdict"], **style, color=look["color"] if row["heading"] else "black", fontweight=weight)
    if row["heading"]:
        ax.plot(-0.03, y, **look, markersize=5, transform=ax.get_yaxis_transform(), clip_on=False)
        return
    exact = row["kind"] == "exact"
    counted = f"{row['equal']:.0f}/{row['n']}" if exact and row["n"] else str(row["n"])
    ax.text(1.50, y, counted, **style)
    if exact or row["effect"] != row["effect"]:
        if row["n"]:
            ax.plot(0, y, **look, markersize=5, zorder=3)
        return
    sign = (1 if row["direction"] == "higher" else -1) / row["delta"]
    ax.plot([sign * row["low"], sign * row["high"]], [y, y], color=look["color"], linewidth=1.4, solid_capstyle="butt")
    ax.plot(sign * row["effect"], y, **look, markersize=4.5, markeredgecolor="white", markeredgewidth=0.5, zorder=3)
    if row["detectable"] == row["detectable"]:
        ax.text(1.63, y, f"{row['detectable'] / row['delta']:.2g} δ", **style)


def _set_axis(ax: Axes, verdicts: pd.DataFrame, total: float) -> None:
    """Linear within 2 δ of zero, logarithmic beyond."""
    scaled = [
        abs(bound) / row["delta"]
        for row in verdicts.to_dict("records")
        if row["kind"] != "exact"
        for bound in (row["low"], row["high"], row["effect"])
        if bound == bound
    ]
    most = max([3.0, *(1.1 * size for size in scaled)])
    ax.set_xscale("symlog", linthresh=2, linscale=1.1)
    ax.set(xlim=(-most, most), ylim=(-total, 0))
    ax.set_xlabel("effect in the claimed direction, in units of δ", fontsize=7)
    ax.xaxis.set_major_locator(
        FixedLocator([tick for tick in (_TICKS if most < 10 else _WIDE_TICKS) if abs(tick) <= most])
    )
    ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks([])
    ax.grid(axis="y", visible=False)
