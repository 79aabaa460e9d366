"""Every deciding contrast that was trained has its effect at several rates, or a reason why not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from poolscope.statistics.claims import Contrast, list_contrasts
from poolscope.statistics.specification_curve import list_rates
from poolscope.statistics.untried_rates import LACKING, NO_TRIALS, OF_ARMS, ONE_RATE, UNMEASURED, find_untried

PLAIN = Contrast("strategies", "3a", 3, "", "test_accuracy", "points", arm={"pool.name": "max"})


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"study": "measures"}, ONE_RATE),
        ({"study": "remedies"}, OF_ARMS),
        ({"study": "made"}, NO_TRIALS),
        ({"measure": "consistency_zero_3"}, UNMEASURED),
        (
            {"kind": "interaction", "minus": {"data.train_size": 1}},
            "tuned at one data.train_size, where it compares several",
        ),
        ({}, LACKING),
    ],
)
def test_the_reason_is_read_from_the_study(keys: dict[str, object], reason: str) -> None:
    contrast = replace(PLAIN, **keys)  # type: ignore[arg-type]
    assert find_untried([contrast], tried=()) == {reason: ["3a"]}
    assert find_untried([contrast], tried=("3a",)) == {}
    assert find_untried([replace(contrast, because="decides nothing")], tried=()) == {}
    assert find_untried([replace(contrast, kind="exact")], tried=()) == {}


def test_no_deciding_contrast_is_silently_missing() -> None:
    contrasts = list_contrasts()
    tried = set(list_rates(contrasts)["id"])
    untried = find_untried(contrasts, tried)
    deciding = {one.id for one in contrasts if not one.because and one.kind != "exact"}
    named = [identity for ids in untried.values() for identity in ids]
    assert sorted(named) == sorted(deciding - tried) and len(set(named)) == len(named)
    assert not {LACKING, NO_TRIALS} & set(untried), (
        "a tuned study whose trials are not found; name them in its tuning.yaml"
    )
    assert {"12e", "15a", "16a", "12k", "6a", "5b", "3f", "3e", "10i", "12h"} <= tried
