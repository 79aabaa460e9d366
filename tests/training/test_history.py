"""The history of a fit: curves, the least validation loss, and the end where a value is not finite."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import pytest

from poolscope.training.history import History


def evaluate(step: int, val_loss: float = 1.0, train_loss: float = 1.0) -> dict[str, float]:
    return {"epoch": step / 10, "step": float(step), "train_loss": train_loss, "val_loss": val_loss}


@pytest.mark.parametrize(
    ("losses", "improved", "best"),
    [
        ([3.0, 1.0, 2.0], [True, True, False], 2),
        ([1.0, 1.0, 1.0], [True, False, False], 1),
        ([3.0, 2.0, 1.0], [True, True, True], 3),
    ],
)
def test_the_first_of_the_least_validation_losses_is_the_best(
    losses: list[float], improved: list[bool], best: int
) -> None:
    history = History()
    assert [history.add(evaluate(10 * i, loss), 30) for i, loss in enumerate(losses, 1)] == improved
    assert (history.best_loss, history.best_epoch) == (min(losses), best)
    assert history.curves["val_loss"] == losses and history.reason == ""
    weights: Any = object()
    trained = history.end(weights, weights, 5.0)
    assert (trained.status, trained.best_epoch, trained.images_per_second) == ("done", best, 5.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["train_loss", "val_loss"])
def test_a_value_that_is_not_finite_ends_it(name: str, bad: float) -> None:
    history = History()
    assert history.add(evaluate(10), 30)
    assert not history.add(evaluate(20) | {name: bad}, 30)
    assert history.reason == f"{name} is not finite after step 20 of 30; try a smaller optim.learning_rate"
    assert not history.add(evaluate(30, 0.1), 30)
    assert history.curves["step"] == [10.0, 20.0] and history.best_loss == 1.0
    weights: Any = object()
    assert history.end(weights, weights, 1.0).status == "diverged"
    assert History(**asdict(history)) == history  # as a checkpoint keeps it
