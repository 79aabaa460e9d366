"""Options of a sweep: random subsets, what is refused, and jobs that can't be."""

from __future__ import annotations

import pytest

from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.sweep_options import SweepOptions, take_options

SWEEP = ["data=digits", "pool=max,avg", "train.epochs=1,2,3"]


def test_a_subset_is_random_the_same_for_its_seed_and_in_order() -> None:
    jobs = [[str(number)] for number in range(100)]
    drawn = SweepOptions(sample=20).draw(jobs)
    assert len(drawn) == 20 and drawn == sorted(drawn, key=jobs.index)
    assert drawn == SweepOptions(sample=20).draw(jobs) != SweepOptions(sample=20, seed=1).draw(jobs)
    assert drawn != jobs[:20]
    assert SweepOptions(sample=100).draw(jobs) == SweepOptions().draw(jobs) == jobs


def test_jobs_are_drawn_of_linked_and_multiplied_keys() -> None:
    composed = compose_runs([*SWEEP, "sweep.sample=2", "sweep.seed=3"], multirun=True)
    assert len(composed.configs) == len(composed.jobs) == 2
    linked = ["data=digits", "zip(pool=max,avg train.epochs=1,2)", "sweep.sample=1"]
    assert len(compose_runs(linked, multirun=True).configs) == 1


def test_combinations_that_the_schema_refuses_are_left_out_when_asked() -> None:
    words = ["data=digits", "pool=max,lp", "pool.p=null,3", "sweep.impossible=skip"]
    composed = compose_runs(words, multirun=True)
    assert [(config.pool.name, config.pool.p) for config in composed.configs] == [
        ("max", None),
        ("lp", None),
        ("lp", 3),
    ]
    assert len(composed.jobs) == 3
    (left_out,) = composed.left_out
    assert left_out[0] == "pool=max pool.p=3" and "pool 'max' takes" in left_out[1]
    with pytest.raises(PoolscopeError, match="pool 'max' takes"):
        compose_runs(words[:-1], multirun=True)
    with pytest.raises(PoolscopeError, match="pool 'max' takes"):  # nothing is left
        compose_runs(["data=digits", "pool=max", "pool.p=2,3", words[-1]], multirun=True)
    with pytest.raises(PoolscopeError, match="there is no such key"):  # a typing error is no combination
        compose_runs([*words, "pool.windw=2"], multirun=True)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("sweep.impossible=no", "sweep.impossible must be refuse or skip, not 'no'"),
        ("sweep.sample=0", "sweep.sample must be a whole number from 1, not '0'"),
        ("sweep.sample=", "sweep.sample must be"),
        ("sweep.sample=1.5", "sweep.sample must be"),
        ("sweep.sample=99999", "sweep.sample must be"),
        ("sweep.seed=-1", "sweep.seed must be"),
        ("sweep.nosuch=1", "sweep.nosuch is no option of a sweep"),
    ],
)
def test_other_options_are_refused(word: str, sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        take_options([word])
    with pytest.raises(PoolscopeError, match="go with a sweep of known jobs"):
        compose_runs(["data=digits", "pool=max", "sweep.sample=1"])
