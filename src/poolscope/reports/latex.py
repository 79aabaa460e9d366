"""The LaTeX article of all studies (results/latex): frames as booktabs tables. One study for a paper: paper_tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from poolscope.reports.pages import find_numeric

_LETTERS = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"},
    **{"δ": r"$\delta$", "ρ": r"$\rho$", "±": r"$\pm$", "×": r"$\times$", "²": "$^2$", "≥": r"$\geq$", "≤": r"$\leq$"},
    **{"–": "--", "−": "$-$", "à": r"\`a", "é": r"\'e", "→": r"$\rightarrow$", "ä": r"\"a", "ö": r"\"o", "ć": r"\'c"},
}
_WIDE = 24  # letters from which a column breaks its lines
_LETTER, _LINE = 4.4, 483  # points: a letter of \scriptsize bold, on average, and the text width of the article


def escape_latex(text: object) -> str:
    """Write a text as LaTeX prints it, with a minus before numbers; other letters are left to the input encoding."""
    signed = re.sub(r"(?<![\w.-])-(?=\d)", "−", str(text))
    return "".join(_LETTERS.get(letter, letter) for letter in signed)


def make_tabular(texts: pd.DataFrame, caption: str, label: str) -> str:
    """Make a longtable with booktabs rules: numbers at the right, long texts in the width that short ones leave."""
    longest = [max([len(str(cell)) for cell in texts[column]], default=0) for column in texts]
    wide = sum(min(length, 60) for length in longest if length > _WIDE) or 1
    heads = [max(length, len(str(column))) for length, column in zip(longest, texts, strict=True)]
    short = sum(_LETTER * head for head, length in zip(heads, longest, strict=True) if length <= _WIDE)
    left = max(0.25, 1 - (short + 6 * len(longest)) / _LINE)
    columns = "".join(
        ("r" if numeric else "l") if length <= _WIDE else f"p{{{left * min(length, 60) / wide:.2f}\\linewidth}}"
        for length, numeric in zip(longest, find_numeric(texts), strict=True)
    )
    head = " & ".join(rf"\textbf{{{escape_latex(column)}}}" for column in texts)
    body = [" & ".join(escape_latex(cell) for cell in row) + r" \\" for row in texts.itertuples(index=False)]
    lines = [
        r"{\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
        rf"\caption{{{escape_latex(caption)}}}\label{{tab:{label}}}\\",
        rf"\toprule {head} \\ \midrule\endfirsthead",
        rf"\toprule {head} \\ \midrule\endhead",
        r"\bottomrule\endfoot",
        *body,
        r"\end{longtable}}",
    ]
    return "\n".join(lines) + "\n"


def make_article(title: str, parts: Sequence[tuple[str, str, Sequence[str]]]) -> str:
    """Make main.tex: a section for each part (heading, file of tables or "", files of figures without extension)."""
    lines = [
        r"\documentclass[a4paper,10pt]{article}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage[margin=2cm]{geometry}",
        r"\usepackage{booktabs,longtable,graphicx}",
        rf"\title{{{escape_latex(title)}}}\date{{}}",
        r"\begin{document}",
        r"\maketitle\nocite{*}",
    ]
    for heading, tables, figures in parts:
        lines.append(rf"\section{{{escape_latex(heading)}}}")
        lines += [
            rf"\begin{{center}}\includegraphics[width=\linewidth,height=.85\textheight,keepaspectratio]{{{figure}}}"
            r"\end{center}"
            for figure in figures
        ]
        lines += [rf"\input{{{tables}}}"] if tables else []
    return "\n".join([*lines, r"\bibliographystyle{plain}", r"\bibliography{references}", r"\end{document}"]) + "\n"
