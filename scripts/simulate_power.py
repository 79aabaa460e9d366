"""What the rule for one contrast says of so many seeds, simulated, as a table for a study's plan.

usage: scripts/simulate_power.py --family 6 --delta 1 --sd 0.5 1 2 [--seeds 10] [--noninferior] [--draws 2000]

Differences are drawn from a normal distribution, with a standard error of the test images a twentieth of that of the
seeds. Prints a row for each standard deviation: the share of draws in which the contrast is supported where its true
effect is 0, δ, 1.5 δ, 2 δ, 3 δ and 5 δ, and in which it is refuted where it is 0 and -2 δ.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from poolscope.statistics.contrast_rule import count_needed_seeds, judge, judge_noninferior
from poolscope.statistics.verdicts import is_refuted, is_supported

EFFECTS = (0.0, 1.0, 1.5, 2.0, 3.0, 5.0)
IMAGES = 0.05  # the images' standard error as a share of the seeds'


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", type=int, required=True, help="contrasts that share the level")
    parser.add_argument("--delta", type=float, required=True, help="smallest effect that matters")
    parser.add_argument("--sd", type=float, nargs="+", required=True, help="of a difference, over seeds")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--noninferior", action="store_true", help="the contrast says that nothing is lost")
    parser.add_argument("--draws", type=int, default=2000)
    options = parser.parse_args()
    if options.family < 1 or options.draws < 1 or options.delta <= 0 or min(options.sd) <= 0:
        parser.error("--family and --draws must be at least 1, --delta and --sd above 0.")
    if options.seeds < (needed := max(2, count_needed_seeds(options.family))):
        parser.error(f"a family of {options.family} needs --seeds of at least {needed}.")
    decide = judge_noninferior if options.noninferior else judge
    print("| SD |", *(f"{effect:g} δ |" for effect in EFFECTS), "refuted at 0 | refuted at -2 δ |")
    print("|", *(["---: |"] * (len(EFFECTS) + 3)))
    for sd in options.sd:
        rng = np.random.default_rng(0)
        images = (IMAGES * sd) ** 2 / options.seeds
        noise = sd * rng.standard_normal((options.draws, options.seeds)) + math.sqrt(images) * rng.standard_normal(
            (options.draws, 1)
        )
        verdicts = {
            effect: [
                decide(row + effect * options.delta, options.delta, options.family, images).verdict for row in noise
            ]
            for effect in (*EFFECTS, -2.0)
        }
        supported = (f"{np.mean([is_supported(verdict) for verdict in verdicts[effect]]):.2f} |" for effect in EFFECTS)
        refuted = (f"{np.mean([is_refuted(verdict) for verdict in verdicts[effect]]):.2f} |" for effect in (0.0, -2.0))
        print(f"| {sd:g} |", *supported, *refuted, flush=True)


if __name__ == "__main__":
    main()
