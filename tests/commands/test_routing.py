"""Sentences and grids of a backward pass, from tracings made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolscope.commands.routing import describe_tie, print_bins, print_gradient, print_indices
from poolscope.measures.routing import Routing, Tie
from poolscope.process.terminal import open_console


@pytest.mark.parametrize(
    ("shares", "end"),
    [
        ((1.0, 0.0), "x[0,1], the first in reading order, gets all of the gradient, 1"),
        ((0.5, 0.5), "each gets 0.5 of the gradient"),
        ((0.625, 0.125), "of the gradient x[0,1] gets 0.625 and x[2,0] gets 0.125"),
    ],
)
def test_a_tie_in_words(shares: tuple[float, ...], end: str) -> None:
    text = describe_tie(Tie((0, 0), ((0, 1), (2, 0)), 7.0, shares))
    assert text == f"for y[0,0], x[0,1] and x[2,0] are equal (7); {end}"


def made(shares: np.ndarray, reads: np.ndarray, cotangent: Any = None) -> Routing:
    """A tracing of outputs (1, outputs, 1 channel) on a map (1, cells)."""
    outputs, cells = shares.shape
    shape = (1, outputs, 1, 1, cells)
    weights = np.ones((1, outputs, 1)) if cotangent is None else np.array(cotangent, float).reshape(1, outputs, 1)
    gradient = np.tensordot(weights, shares.reshape(shape), 3)
    x, none = np.zeros((1, cells)), np.zeros((1, outputs, 1, cells), bool)
    return Routing(x, weights, weights, gradient, shares.reshape(shape), reads.reshape(none.shape), none)


def test_grids_bins_and_shares(capsys: pytest.CaptureFixture[str]) -> None:
    reads = np.array([[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [1, 0, 1, 0, 0]], bool)
    shares = np.array([[0.5, 0.5, 0, 0, 0], [0, 1, 0, 0, 0], [2, 0, 1, 0, 0]], float)
    traced, console = made(shares, reads, [1, 0, -1]), open_console()
    print_bins(console, traced)
    print_indices(console, traced)
    print_gradient(console, traced)
    print_indices(console, made(np.eye(5)[[3, 1]], np.eye(5, dtype=bool)[[3, 1]]))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "bins, rows: 0",
        "bins, columns: 0-1 | 1-2 | 0 2 (they overlap)",
        "indices: none, since its outputs aren't copies of single cells",
        "cotangent:",
        "1  0  -1",
        "gradient of the sum of cotangent x output:",
        "-1.5  0.5  -1  ·  ·",
        "  y[0,0] -> 0.5 to each of x[0,0] x[0,1]",
        "  y[0,2] -> 2 x[0,0], 1 x[0,2]",
        "  · 2 cells that no output reads",
        "indices, row,column and the number in the flattened map:",
        "0,3 (3)  0,1 (1)",
    ]


def test_long_lists_end_in_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    print_gradient(open_console(), made(np.eye(20), np.eye(20, dtype=bool)))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 16 + 1 and lines[-1].strip() == "... and 4 more"
