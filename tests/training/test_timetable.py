"""Evaluations an epoch apart, but not too many, and every step in its place."""

from __future__ import annotations

import math

import pytest

from poolscope.training.timetable import cut_at_epochs, evaluation_interval, evaluation_steps


@pytest.mark.parametrize("steps", [1, 4, 7, 20, 399, 400, 401, 12345])
def test_evaluations_are_an_epoch_apart_and_not_too_many(steps: int) -> None:
    ends = list(evaluation_steps(steps, 4))
    chunks = list(zip([0, *ends], ends, strict=False))
    assert ends[-1] == steps
    assert len(chunks) == min(math.ceil(steps / 4), 100) or (len(chunks) <= 100 and steps > 400)
    assert len(chunks) == math.ceil(steps / evaluation_interval(steps, 4))
    walked = [
        (epoch, start + i)
        for first, last in chunks
        for epoch, start, count in cut_at_epochs(first, last, 4)
        for i in range(count)
    ]
    assert walked == [divmod(step, 4) for step in range(steps)]


def test_a_fit_that_resumes_is_evaluated_after_the_steps_that_are_left() -> None:
    assert list(evaluation_steps(10, 4, taken=4)) == [8, 10]
