"""A sweep from Python or a notebook, with the same words, checks and records as `poolscope train -m`."""

from __future__ import annotations

from poolscope.commands.train import train
from poolscope.reports.load import Study, load
from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError


def sweep(*overrides: str) -> Study:
    """Train what the overrides ask for, unless it is recorded already, and load the study.

    Args:
        overrides: as on the command line of `poolscope train -m`, such as "pool=max,avg", "seeds=[0,1,2]" and
            "study=mine".

    Returns:
        The study, with all that is recorded of it; runs that failed or diverged say so in the column status.

    Raises:
        PoolscopeError: before any training, where something can't be.

    Example:
        >>> study = sweep("data=digits", "pool=max,avg", "train.epochs=1", "study=mine")  # doctest: +SKIP
        >>> study.summary()  # doctest: +SKIP
    """
    if odd := [word for word in overrides if not isinstance(word, str)]:
        raise PoolscopeError(f"An override is a text, such as 'pool=max,avg', not {odd[0]!r}.")
    config = compose_runs(overrides, True).configs[0]
    train(overrides, multirun=True)
    return load(config.study, config.results)
