"""Hostile input by the thousand: command lines, configuration files, damaged records, tables, caches, checkpoints.

    python scripts/fuzz.py --examples 5000 --seed 0

Every input must be taken or refused with one sentence (PoolscopeError); any other exception, more than a minute of
computing, or a table made from a damaged file is a failure, printed with the input. Nothing is trained. Every failure
that was ever found is a case in tests/test_hostile.py, which also runs some hundred of these inputs.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from hostile import KINDS, try_input

_PATIENCE = 60  # CPU-seconds for one input, which other work on the machine doesn't use up


class Stuck(BaseException):
    """Patience is at its end; no `except Exception` on the way may catch it."""


def main(examples: int, seed: int, kinds: list[str]) -> int:
    """Try so many inputs of each kind; print every failure; returns the exit status."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise Stuck(f"took more than {_PATIENCE} CPU-seconds")

    signal.signal(signal.SIGPROF, give_up)
    failures = 0
    for kind in kinds:
        count = examples if kind in ("command", "line") else max(1, examples // 10)
        draw, outcomes, began = random.Random(f"{kind} {seed}"), Counter[str](), time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            for number in range(count):
                state = draw.getstate()
                signal.setitimer(signal.ITIMER_PROF, _PATIENCE)
                try:
                    outcomes[try_input(kind, draw, Path(folder))] += 1
                except (Exception, Stuck) as error:
                    failures += 1
                    outcomes["failed"] += 1
                    draw.setstate(state)
                    shown = traceback.extract_tb(error.__traceback__)[-1]
                    where = f"{Path(shown.filename).name}:{shown.lineno}"
                    given = re.sub(r"(.)\1{40,}", r"\1...", repr(KINDS[kind].describe(draw)))
                    print(f"{kind} #{number}: {given[:400]}: {type(error).__name__} in {where}: {error}"[:900])
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
        said = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
        print(f"{kind}: {count} inputs: {said}; {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--examples", type=int, default=5000, help="compositions and command lines; a tenth of each other kind"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    sys.exit(main(options.examples, options.seed, options.kinds))
