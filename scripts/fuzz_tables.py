"""Changed records and committed tables by the thousand: edited, copied, moved, damaged.

    python scripts/fuzz_tables.py --examples 1000 --seed 0

Every change must be refused in one sentence, or be read and written back as it was given; any exception, and any change
that is taken silently, is a failure, printed with its number. Exit status 1 where there is one.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from hostile_tables import try_record, try_table

KINDS = {"table": try_table, "record": try_record}


def main(examples: int, seed: int) -> int:
    """Try so many changes of each kind; print what became of them; returns the exit status."""
    failures = 0
    for kind, attempt in KINDS.items():
        outcomes: Counter[str] = Counter()
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            for number in range(examples):
                try:
                    outcomes[attempt(random.Random(f"{kind} {seed} {number}"), Path(folder))] += 1
                except Exception as error:
                    failures += 1
                    outcomes["failed"] += 1
                    last = traceback.extract_tb(error.__traceback__)[-1]
                    where = f"{Path(last.filename).name}:{last.lineno}"
                    print(f"{kind} #{number}: {type(error).__name__} in {where}: {error}"[:400], flush=True)
        counts = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
        print(f"{kind}: {examples} changes: {counts}; {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=1000, help="changes of each kind (default 1000)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.fsync = lambda file: None  # the disk is not what is tried
    sys.exit(main(options.examples, options.seed))
