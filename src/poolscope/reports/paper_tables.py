"""A selection's table as it stands in a paper: LaTeX with booktabs, Markdown and Typst, from the same cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from poolscope.reports.comparison import say_hollow
from poolscope.reports.latex import escape_latex
from poolscope.reports.protocol import say_protocol
from poolscope.statistics.comparison import score_arms
from poolscope.statistics.selection import Selection


@dataclass(frozen=True)
class Cell:
    """A number with its interval, as texts of equally many decimals; low and high are empty where there is none."""

    value: str
    low: str = ""
    high: str = ""

    def __str__(self) -> str:
        """Write it for a page: 97.42 [97.11, 97.73]."""
        return f"{self.value} [{self.low}, {self.high}]".replace("-", "−") if self.low else self.value.replace("-", "−")


@dataclass(frozen=True)
class Row:
    """One arm: its name, n, the mean, n of the pairs and the paired difference (None for a baseline)."""

    arm: str
    n: int
    mean: Cell
    against: str
    pairs: int
    difference: Cell | None


def list_rows(selection: Selection) -> Iterator[tuple[str, list[Row]]]:
    """Go through the settings and the rows of each, the largest first, ranked as `score_arms` does."""
    digits = find_digits(selection)
    ranked = selection.summary.assign(score=score_arms(selection.summary))
    for setting, group in ranked.groupby("setting", sort=False):
        rows = []
        for row in group.sort_values("score", ascending=False, kind="stable").to_dict("records"):
            mean = _make_cell(row["mean"], row["low"], row["high"], digits, "")
            difference = _make_cell(row["difference"], row["difference_low"], row["difference_high"], digits, "+")
            of_baseline = row["arm"] == row["baseline"]
            rows.append(
                Row(row["arm"], row["n"], mean, row["baseline"], row["pairs"], None if of_baseline else difference)
            )
        yield str(setting), rows


def find_digits(selection: Selection) -> int:
    """Choose decimals: two for per cent and points, else as many as give the shortest interval two digits."""
    if selection.scale != 1:
        return 2
    halves = (selection.summary["high"] - selection.summary["low"]) / 2
    least = halves[halves > 0].min()
    if math.isnan(least):
        least = selection.summary["mean"].abs().max() / 100
    return min(max(0, 1 - math.floor(math.log10(least))), 8) if least > 0 else 2


def write_caption(selection: Selection) -> str:
    """Say what the numbers are, their level, n and the protocol."""
    level = f"{100 * selection.summary['level'].iloc[0]:g} %"
    unit = f" in {selection.unit}" if selection.unit else ""
    one = _find_one_baseline(selection)
    compared = _is_compared(selection)
    against = one or "the baseline named"
    difference = f", and the difference to {against}, paired by seed" if compared else ""
    return (
        f"{selection.words.capitalize()}{unit}: mean over n seeds with its {level} t interval{difference}, "
        f"{'each interval' if compared else 'the interval'} alone at that level. {say_protocol(selection.done)}"
    )


def write_figure_caption(selection: Selection) -> str:
    """Say what is drawn, its level and the protocol."""
    level = f"{100 * selection.summary['level'].iloc[0]:g} %"
    return (
        f"{selection.words.capitalize()} of each seed (dots), means and {level} t intervals (lines)."
        f"{say_hollow(selection.done)} {say_protocol(selection.done)}"
    )


def write_learning_caption(selection: Selection) -> str:
    """Say what learning curves show, their level and the protocol."""
    level = f"{100 * selection.summary['level'].iloc[0]:g} %"
    return (
        f"Accuracy on training (dashed) and validation images (solid): mean and {level} t band over seeds, every seed "
        f"thin. {say_protocol(selection.done)}"
    )


def write_latex(selection: Selection, caption: str, label: str) -> str:
    """Write a table environment with booktabs rules; means, bounds and signs are aligned, n stands in every row."""
    several = selection.summary["setting"].nunique() > 1
    one, compared, paired = _find_one_baseline(selection), _is_compared(selection), _has_pairs(selection)
    interval = rf"r@{{\;[}}r@{{,\,}}r@{{]{_GAP}}}"
    heads = [("l", "arm", ""), ("r", "$n$", ""), (interval, escape_latex(selection.words), selection.unit)]
    if compared:
        heads += [] if one else [("l", "against", "")]
        heads += [("r", "pairs", "")] if paired else []
        heads.append((interval, escape_latex(f"difference to {one}" if one else "difference"), _find_points(selection)))
    lines = [
        r"\begin{table}[htb]",
        r"\centering\small",
        rf"\caption{{{escape_latex(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{@{{}}{''.join(columns for columns, _, _ in heads).removesuffix(_GAP + '}')}}}@{{}}}}",
        r"\toprule",
    ]
    for texts in ([text for _, text, _ in heads], [f"({unit})" if unit else "" for _, _, unit in heads]):
        cells = [
            rf"\multicolumn{{3}}{{c}}{{{escape_latex(text) if text[:1] == '(' else text}}}"
            if columns == interval
            else text
            for (columns, _, _), text in zip(heads, texts, strict=True)
        ]
        lines += [" & ".join(cells) + r" \\"] if any(texts) else []
    lines.append(r"\midrule")
    width = sum(3 if columns == interval else 1 for columns, _, _ in heads)
    for place, (setting, rows) in enumerate(list_rows(selection)):
        if several:
            lines += [r"\addlinespace"] if place else []
            lines.append(rf"\multicolumn{{{width}}}{{@{{}}l}}{{\emph{{{escape_latex(setting)}}}}} \\")
        for row in rows:
            cells = [escape_latex(row.arm), str(row.n), _latex_cell(row.mean)]
            if compared:
                cells += [] if one else [escape_latex(row.against) if row.difference else ""]
                cells += [str(row.pairs) if row.difference else ""] if paired else []
                cells.append(_latex_cell(row.difference) if row.difference else r"\multicolumn{3}{c}{baseline}")
            lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def list_texts(selection: Selection) -> tuple[list[str], list[list[str]]]:
    """List heads and rows of texts, for formats that align whole cells."""
    several = selection.summary["setting"].nunique() > 1
    one, compared, paired = _find_one_baseline(selection), _is_compared(selection), _has_pairs(selection)
    unit, points = (f" ({text})" if text else "" for text in (selection.unit, _find_points(selection)))
    heads = [*(["data set"] if several else []), "arm", "n", f"{selection.words}{unit}"]
    if compared:
        heads += [*([] if one else ["against"]), *(["pairs"] if paired else [])]
        heads.append(f"difference to {one}{points}" if one else f"difference{points}")
    rows = []
    for setting, of_setting in list_rows(selection):
        for row in of_setting:
            cells = [*([setting] if several else []), row.arm, str(row.n), str(row.mean)]
            if compared:
                cells += [] if one else [row.against if row.difference else ""]
                cells += [str(row.pairs) if row.difference else ""] if paired else []
                cells.append(str(row.difference) if row.difference else "baseline")
            rows.append(cells)
    return heads, rows


def write_markdown(selection: Selection, caption: str, figure: str = "", below: str = "") -> str:
    """Write a table with its caption below, and the figure with what stands below it."""
    heads, rows = list_texts(selection)
    numbers = _find_numeric(heads)
    lines = [
        "| " + " | ".join(heads) + " |",
        "|" + "|".join(" ---: " if number else " --- " for number in numbers) + "|",
    ]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    lines += ["", caption, *(["", f"![{selection.words} by arm]({figure})", "", below] if figure else [])]
    return "\n".join(lines) + "\n"


def write_typst(selection: Selection, title: str, caption: str, figure: str = "", below: str = "") -> str:
    """Write a page with a title, the table with its caption, and the figure with what stands below it."""
    heads, rows = list_texts(selection)
    align = ", ".join("right" if number else "left" for number in _find_numeric(heads))
    cells = [f"[*#{quote_typst(head)}*]" for head in heads] + [
        f"[#{quote_typst(cell)}]" for row in rows for cell in row
    ]
    parts = [
        f"#set document(title: {quote_typst(title)}, date: none)",
        '#set page(paper: "a4", margin: 2.2cm, numbering: "1")',
        '#set text(font: "New Computer Modern", size: 10pt)',
        "#show figure.where(kind: table): set figure.caption(position: top)",
        "#show figure.caption: it => block(width: 90%, align(left, text(size: 9pt, it)))",
        f'#align(center, text(size: 14pt, weight: "bold", {quote_typst(title)}))',
        f"#figure(table(columns: {len(heads)}, align: ({align},), stroke: none, inset: (x: 5pt, y: 3pt),",
        "table.hline(stroke: 0.8pt),",
        f"table.header({', '.join(cells[: len(heads)])}),",
        "table.hline(stroke: 0.5pt),",
        ", ".join(cells[len(heads) :]) + ",",
        f"table.hline(stroke: 0.8pt)), caption: {quote_typst(caption)})",
    ]
    if figure:
        parts.append(f"#figure(image({quote_typst(figure)}), caption: {quote_typst(below)})")
    return "\n".join(parts) + "\n"


def quote_typst(text: str) -> str:
    """Write a text as a Typst string, in which nothing is markup."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'


_GAP = r"\hspace{2\tabcolsep}"  # after an interval that isn't the last column


def _is_compared(selection: Selection) -> bool:
    """Whether any setting has an arm besides its baseline."""
    return len(selection.summary) > selection.summary["setting"].nunique()


def _has_pairs(selection: Selection) -> bool:
    """Whether the number of pairs must be said, since some arm has runs without a partner."""
    compared = selection.summary[selection.summary["arm"] != selection.summary["baseline"]]
    return bool((compared["pairs"] != compared["n"]).any())


def _find_points(selection: Selection) -> str:
    """The unit of differences."""
    return "points" if selection.scale != 1 else ""


def _find_one_baseline(selection: Selection) -> str:
    """The baseline of all arms, "" where there are several."""
    names: Sequence[str] = list(dict.fromkeys(selection.summary["baseline"]))
    return names[0] if len(names) == 1 else ""


def _find_numeric(heads: Sequence[str]) -> list[bool]:
    return [head not in ("data set", "arm", "against") for head in heads]


def _make_cell(value: float, low: float, high: float, digits: int, sign: str) -> Cell:
    if value != value:
        return Cell("")
    texts = [f"{round(number, digits) + 0.0:{sign}.{digits}f}" for number in (value, low, high) if number == number]
    return Cell(*texts) if len(texts) == 3 else Cell(texts[0])


def _latex_cell(cell: Cell) -> str:
    if not cell.low:
        return rf"\multicolumn{{3}}{{l}}{{{f'${cell.value}$' if cell.value else ''}}}"
    return f"${cell.value}$ & ${cell.low}$ & ${cell.high}$"
