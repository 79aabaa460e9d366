"""One run at chance, in plain Python: beside `find_unlearned` in statistics/test_learning.py, and what isn't known."""

from __future__ import annotations

import pytest

from poolscope.store.chance import is_at_chance

STUCK = {"train_eval_loss": 4.61, "train_eval_accuracy": 0.012}


@pytest.mark.parametrize(
    ("scalars", "classes", "images", "stuck"),
    [
        (STUCK, 100, 500, True),  # ln 100 = 4.605; 0.012 is within three standard errors of 0.01
        (STUCK, None, 500, False),
        (STUCK, 0, 500, False),
        ({**STUCK, "train_eval_accuracy": 0.03}, 100, 500, False),
        ({**STUCK, "train_eval_accuracy": 0.03}, 100, 50, True),
        ({**STUCK, "train_eval_loss": 4.5}, 100, 500, False),
        ({"train_eval_accuracy": 0.012}, 100, 500, False),
    ],
)
def test_what_guessing_gives(scalars: dict[str, float], classes: int | None, images: int, stuck: bool) -> None:
    assert is_at_chance(scalars, classes, images) == stuck
