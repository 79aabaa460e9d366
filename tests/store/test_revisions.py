"""A mixture of code revisions is said in one sentence, with the number of runs for each."""

from __future__ import annotations

import pytest

from poolscope.store.revisions import count_revisions, describe_revisions

A, B = "23068a52aa0123456789", "83ca0a95bb0123456789+"


@pytest.mark.parametrize(
    ("revisions", "sentence"),
    [
        ([], ""),
        ([A, A], ""),
        (["", ""], ""),
        ([A, B, B], "Runs of 2 code revisions are mixed: 2 of 83ca0a95bb with uncommitted changes, 1 of 23068a52aa."),
        ([A, A, ""], "Runs of 2 code revisions are mixed: 2 of 23068a52aa, 1 of an unknown revision."),
        ([*"abcdef", "a"], "Runs of 6 code revisions are mixed: 2 of a, 1 of b, 1 of c, 1 of d, 2 of 2 others."),
    ],
)
def test_a_mixture_is_described(revisions: list[str], sentence: str) -> None:
    assert describe_revisions(count_revisions(revisions)) == sentence
