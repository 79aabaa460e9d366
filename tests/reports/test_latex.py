"""LaTeX of a table, letter by letter."""

from __future__ import annotations

import pandas as pd
import pytest

from poolscope.reports.latex import escape_latex, make_tabular


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("±2²\\", r"$\pm$2$^2$\textbackslash{}"),
        ("-0.5", "$-$0.5"),
        ("+0.51 points (-2.28 to 3.29)", "+0.51 points ($-$2.28 to 3.29)"),
        ("CIFAR-10, a-trous, 2026-11-26", "CIFAR-10, a-trous, 2026-11-26"),
        ("50 % of a_b", r"50 \% of a\_b"),
    ],
)
def test_what_latex_prints(text: str, latex: str) -> None:
    assert escape_latex(text) == latex


def test_a_table_by_hand() -> None:
    text = make_tabular(pd.DataFrame({"δ & n": ["50 %"], "name": ["a_b < c"], "x": ["-1.5"]}), "100 %", "x")
    assert r"\textbf{$\delta$ \& n} & \textbf{name} & \textbf{x}" in text
    assert r"50 \% & a\_b $<$ c & $-$1.5 \\" in text
    assert r"{@{}llr@{}}" in text
