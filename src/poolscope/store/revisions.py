"""Which code revisions the runs of a study come from, so that a mixture never goes unnoticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_SHOWN = 10  # digits of a revision
_MOST = 4  # revisions named in a sentence


def count_revisions(revisions: Iterable[str]) -> dict[str, int]:
    """Count runs by the git revision that their provenance names, most frequent first; "" is an unknown one."""
    return dict(sorted(Counter(revisions).items(), key=lambda item: (-item[1], item[0])))


def describe_revisions(counts: dict[str, int]) -> str:
    """One sentence on a mixture of code revisions; "" where all runs come from one known or unknown revision.

    >>> describe_revisions({"23068a52aa01": 100, "83ca0a95bb02+": 80})
    'Runs of 2 code revisions are mixed: 100 of 23068a52aa, 80 of 83ca0a95bb with uncommitted changes.'
    """
    if len(counts) < 2:
        return ""
    names = [f"{count} of {_name(revision)}" for revision, count in list(counts.items())[:_MOST]]
    rest = list(counts.values())[_MOST:]
    more = f", {sum(rest)} of {len(rest)} others" if rest else ""
    return f"Runs of {len(counts)} code revisions are mixed: {', '.join(names)}{more}."


def _name(revision: str) -> str:
    if not revision:
        return "an unknown revision"
    changed = " with uncommitted changes" if revision.endswith("+") else ""
    return revision.removesuffix("+")[:_SHOWN] + changed
