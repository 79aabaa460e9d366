"""After which steps a fit is evaluated, and where in the epochs its steps lie."""

from __future__ import annotations

from collections.abc import Iterator

_MOST_EVALUATIONS = 100


def evaluation_interval(steps: int, steps_per_epoch: int) -> int:
    """Count the steps from one evaluation to the next: those of an epoch, more where that made too many evaluations."""
    return max(steps_per_epoch, -(-steps // _MOST_EVALUATIONS))


def evaluation_steps(steps: int, steps_per_epoch: int, taken: int = 0) -> Iterator[int]:
    """The steps after which to evaluate, of those that come after `taken`."""
    length = evaluation_interval(steps, steps_per_epoch)
    for first in range(taken, steps, length):
        yield min(first + length, steps)


def cut_at_epochs(first: int, last: int, steps_per_epoch: int) -> Iterator[tuple[int, int, int]]:
    """The parts of the steps from `first` to `last` that lie in one epoch: epoch, first batch in it, how many."""
    while first < last:
        epoch, position = divmod(first, steps_per_epoch)
        count = min(steps_per_epoch - position, last - first)
        yield epoch, position, count
        first += count
