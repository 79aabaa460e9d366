"""What a sweep does with its jobs before they are composed: sweep.impossible, sweep.sample and sweep.seed.

They are words of a command line like keys, but no part of any configuration: nothing of a run depends on them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from poolscope.spec.errors import PoolscopeError

_MOST = 10_000


@dataclass(frozen=True)
class SweepOptions:
    """impossible: refuse or skip; sample: how many jobs to draw, None for all; seed: of the draw."""

    impossible: str = "refuse"
    sample: int | None = None
    seed: int = 0

    @property
    def skips(self) -> bool:
        """Whether jobs that can't be are left out instead of refused."""
        return self.impossible == "skip"

    def draw(self, jobs: list[list[str]]) -> list[list[str]]:
        """Draw a random subset of the jobs, the same for the same jobs and seed, in their order."""
        if self.sample is None or self.sample >= len(jobs):
            return jobs
        return [jobs[place] for place in sorted(random.Random(self.seed).sample(range(len(jobs)), self.sample))]


def take_options(words: Sequence[str]) -> tuple[list[str], SweepOptions]:
    """Take the options of a sweep out of overrides.

    Raises:
        PoolscopeError: where there is no such option, or a value doesn't fit.

    Example:
        >>> take_options(["pool=max,avg", "sweep.sample=1"])
        (['pool=max,avg'], SweepOptions(impossible='refuse', sample=1, seed=0))
    """
    found = {word.partition("=")[0]: word.partition("=")[2] for word in words if word.startswith("sweep.")}
    if unknown := [key for key in found if key not in ("sweep.impossible", "sweep.sample", "sweep.seed")]:
        raise PoolscopeError(f"{unknown[0]} is no option of a sweep; there are sweep.impossible, sample and seed.")
    impossible = found.get("sweep.impossible", "refuse")
    if impossible not in ("refuse", "skip"):
        raise PoolscopeError(f"sweep.impossible must be refuse or skip, not {impossible!r}.")
    sample = _read_whole("sweep.sample", found["sweep.sample"], 1) if "sweep.sample" in found else None
    seed = _read_whole("sweep.seed", found.get("sweep.seed", "0"), 0)
    return [word for word in words if not word.startswith("sweep.")], SweepOptions(impossible, sample, seed)


def _read_whole(key: str, text: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and least <= int(text)) or (
        key == "sweep.sample" and int(text) > _MOST
    ):
        raise PoolscopeError(f"{key} must be a whole number from {least}, not {text!r}.")
    return int(text)
