"""How often each claim's rule says what, simulated with the studies' own spreads and correlations.

usage: scripts/simulate_rules.py [--results DIR] [--draws 5000]

Effects are in the claimed direction and in units of δ, the smallest effect that matters. A contrast has the standard
deviation of its own seeds, and with others of its study the correlation over the seeds that have them all; studies are
independent, as contrasts of one claim share no run between studies. Seeds are drawn around chosen true effects: from a
normal distribution; from what was seen (a study's rows with replacement, smoothed by a fifth of their spread, so with
the skew that was seen); from exponential distributions skewed to the side that errs. To each mean comes the error of
its test images, normal, as large as was estimated, however many the seeds; the rule is given that variance, without
the error of estimating it, and the images' errors of contrasts are independent. Premises are taken as met; a claim that
`lacks` something can't be supported here either. Contrasts whose runs give no spread are left out and named, and the
claim is simulated as if it had none but the others.

Writes experiments/rules.csv: a row per claim, noise and number of seeds (the planned one, and twice, four and eight
times as many), with the median standard deviation of its contrasts, and the share of draws in which the claim is

  supported_2delta  supported, where all effects are 2δ  (should be large)
  refuted_2delta    refuted, where all effects are -2δ  (should be large)
  supported_null    supported, where all effects are 0, or -δ where the contrast is non-inferiority  (an error)
  supported_worst   supported, where it is only just false: all but one of its contrasts hold beyond doubt (by the rule
                    `often` half of them, rounded down), and the effects of the others are as above  (an error)
  refuted_worst     refuted, where it is only just true: every effect is δ, or -δ where it is non-inferiority (`often`:
                    as many fail beyond doubt as are less than half, and the effects of the others are so)  (an error)

"The others" are those that err most often by themselves. A share p of so many `draws` has the Monte Carlo standard
error √(p (1 - p) / draws), 0.002 for p = 0.025 and 5,000 draws; the largest over claims is too large by chance: of 16
shares that are 0.025 in truth, 0.029 on average.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from poolscope.statistics.claim_rule import LEVEL, decide_claim
from poolscope.statistics.claims import Claim, Contrast, list_contrasts, read_claims
from poolscope.statistics.contrast_rule import DRAWS, count_needed_seeds, count_shown, draw_counts
from poolscope.statistics.learning import find_unlearned
from poolscope.statistics.random_effects import pool_contexts
from poolscope.statistics.tables import Tables, collect, write_csv
from poolscope.statistics.verdicts import judge_contrasts, measure_effect

NOISES = ("normal", "seen", "exponential")
TIMES = (2, 4, 8)  # more seeds than planned
LEAST = 3  # seeds that give a standard deviation and correlations
SMOOTHING = 0.2  # of a resampled row, in standard deviations
LEAST_P = 1 / (1 + DRAWS)  # that the bootstrap can give


class Evidence(NamedTuple):
    """What samples show, each of shape (draws, contrasts): one-sided p values, reversals, means, standard errors."""

    hold: np.ndarray
    fail: np.ndarray
    reversed: np.ndarray
    means: np.ndarray
    errors: np.ndarray


@dataclass(frozen=True)
class Rule:
    """A claim's rule with what is known of its contrasts, by study, in units of δ.

    sd: over seeds. images: variance of a mean that is due to the test images. seen: for each study the effects of its
    contrasts (columns) by seed (rows), with mean 0 and standard deviation 1. planned: the fewest of any.
    """

    claim: Claim
    kinds: tuple[str, ...]
    sd: np.ndarray
    images: np.ndarray
    seen: tuple[np.ndarray, ...]
    planned: int = 10

    @property
    def inferior(self) -> np.ndarray:
        """Which contrasts say that nothing is lost."""
        return np.array([kind == "noninferior" for kind in self.kinds])

    def draw(self, noise: str, n: int, draws: int, side: int, rng: np.random.Generator) -> np.ndarray:
        """Errors of shape (draws, n, contrasts); `side` +1 skews exponential ones so that means look too large."""
        blocks = [_draw_study(rows, noise, n, draws, side, rng) for rows in self.seen]
        images = np.sqrt(self.images) * rng.normal(size=(draws, 1, len(self.sd)))
        return np.concatenate(blocks, axis=2) * self.sd + images

    def weigh(self, samples: np.ndarray) -> Evidence:
        """What the rule for one contrast says of samples of shape (draws, seeds, contrasts)."""
        n, k = samples.shape[1:]
        means = samples.mean(axis=1)
        errors = np.sqrt(samples.var(axis=1, ddof=1) / n + self.images)
        none = np.ones_like(means)
        if n < count_needed_seeds(k):
            return Evidence(none, none, none < 1, means, errors)
        hold = self.p_values(samples, np.where(self.inferior, -1.0, 0.0))
        hold = np.where(self.inferior | (means >= 1), hold, 1.0)
        fail = self.p_values(-samples, np.where(self.inferior, 1.0, -1.0))
        reverse = self.p_values(-samples, np.zeros(k)) if self.claim.rule == "often" else none
        return Evidence(hold, fail, (reverse <= LEVEL / k) & (means <= -1), means, errors)

    def p_values(self, samples: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        """One-sided p that each mean is at most its bound: (draws, contrasts), as `Estimate.p_above` has it.

        Where Student's p is above the level it is given as it is, since only the larger of both counts.
        """
        draws, n, k = samples.shape
        values = samples.transpose(0, 2, 1).reshape(draws * k, n)
        sd = values.std(axis=1, ddof=1)
        errors = np.sqrt(sd**2 / n + np.tile(self.images, draws))
        distance = (values.mean(axis=1) - np.tile(bounds, draws)) / errors
        p = special.stdtr(n - 1, -distance)
        low = np.flatnonzero(p <= LEVEL)
        standardised = (values[low] - values[low].mean(axis=1, keepdims=True)) / sd[low, None]
        p[low] = np.maximum(p[low], (1 + _count_beyond(standardised, distance[low])) / (1 + DRAWS))
        return p.reshape(draws, k)

    def decide(self, evidence: Evidence) -> np.ndarray:
        """The verdict of each draw."""
        verdicts, often = [], self.claim.rule == "often"
        for hold, fail, reverse, means, errors in zip(*evidence, strict=True):
            pooled = pool_contexts(means, errors).low if often else math.nan
            shown = (count_shown(hold, LEVEL), count_shown(fail, LEVEL), len(means))
            verdicts.append(decide_claim(self.claim.rule, *shown, pooled, int(reverse.sum()), bool(self.claim.lacks)))
        return np.array(verdicts)


def simulate(rule: Rule, noise: str, n: int, draws: int, errors_too: bool = True) -> dict[str, object]:
    """A row of the table."""
    rng = np.random.default_rng([n, NOISES.index(noise), rule.claim.number])
    k = len(rule.sd)
    often = rule.claim.rule == "often"
    low, high = (rule.draw(noise, n, draws, side, rng) for side in (-1, 1))  # means look too small, too large

    def share(evidence: Evidence, verdict: str) -> float:
        return float(np.mean(rule.decide(evidence) == verdict))

    row: dict[str, object] = {"claim": rule.claim.number, "rule": rule.claim.rule, "contrasts": k, "noise": noise}
    row |= {"seeds": n, "draws": draws, "median_sd": round(float(np.median(rule.sd)), 2)}
    row["supported_2delta"] = share(rule.weigh(low + 2.0), "supported")
    row["refuted_2delta"] = share(rule.weigh(high - 2.0), "refuted")
    if errors_too:
        null = rule.weigh(high + np.where(rule.inferior, -1.0, 0.0))
        edge = rule.weigh(low + np.where(rule.inferior, -1.0, 1.0))
        row["supported_null"] = share(null, "supported")
        row["supported_worst"] = share(settle(null, null.hold, k // 2 if often else k - 1, 1, rule), "supported")
        row["refuted_worst"] = share(settle(edge, edge.fail, (k - 1) // 2 if often else 0, -1, rule), "refuted")
    return row


def settle(evidence: Evidence, p: np.ndarray, count: int, side: int, rule: Rule) -> Evidence:
    """Put so many contrasts beyond doubt, on the side +1 or -1: those whose `p` errs least often."""
    beyond = np.zeros(p.shape[1], dtype=bool)
    beyond[np.argsort((p <= LEVEL).mean(axis=0), kind="stable")[:count]] = True
    far = 40 * side * (1 + rule.sd.max())  # the same for all, so that they don't widen the pooled interval
    return Evidence(
        hold=np.where(beyond, LEAST_P if side > 0 else 1.0, evidence.hold),
        fail=np.where(beyond, LEAST_P if side < 0 else 1.0, evidence.fail),
        reversed=np.where(beyond, side < 0, evidence.reversed),
        means=evidence.means + far * beyond,
        errors=evidence.errors,
    )


def read_rule(claim: Claim, contrasts: Sequence[Contrast], tables: Mapping[str, Tables]) -> Rule | None:
    """Measure the contrasts of a claim, and print which are left out; None where all are."""
    found = []
    for contrast in sorted(contrasts, key=lambda contrast: contrast.study):
        if (measured := _measure(contrast, tables.get(contrast.study))) is not None:
            found.append((contrast, *measured))
    seen = []
    for study in sorted({contrast.study for contrast, *_ in found}):
        rows = pd.concat([effects for contrast, effects, *_ in found if contrast.study == study], axis=1).dropna()
        if len(rows) >= LEAST and rows.std().all():
            seen.append(((rows - rows.mean()) / rows.std()).to_numpy())
        else:
            print(f"Claim {claim.number}: {study} is left out, as {len(rows)} seeds have all of its contrasts.")
            found = [entry for entry in found if entry[0].study != study]
    if len(found) < len(contrasts):
        print(f"Claim {claim.number} is simulated without {len(contrasts) - len(found)} of {len(contrasts)} contrasts.")
    if not found:
        return None
    kept, _, sd, images = zip(*found, strict=True)
    planned = min(contrast.planned for contrast in kept)
    return Rule(claim, tuple(contrast.kind for contrast in kept), np.array(sd), np.array(images), tuple(seen), planned)


def main() -> None:
    """Write experiments/rules.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", default="results")
    parser.add_argument("--draws", type=int, default=5000)
    options = parser.parse_args()
    contrasts = [c for c in list_contrasts() if not c.because and c.kind != "exact"]
    ready = {path.parent.parent.name for path in Path(options.results).glob("*/tables/runs.csv")}
    tables = {study: collect(options.results, study) for study in sorted({c.study for c in contrasts} & ready)}
    rows = []
    for claim in read_claims():
        own = [contrast for contrast in contrasts if contrast.claim == claim.number]
        rule = read_rule(claim, own, tables) if own else None
        if rule is None:
            continue
        rows += [simulate(rule, noise, rule.planned, options.draws) for noise in NOISES]
        rows += [simulate(rule, "normal", times * rule.planned, options.draws, errors_too=False) for times in TIMES]
        print(pd.DataFrame(rows[-len(NOISES) - len(TIMES) :]).to_string(index=False), flush=True)
    write_csv(pd.DataFrame(rows), Path("experiments") / "rules.csv")


def _measure(contrast: Contrast, tables: Tables | None) -> tuple[pd.Series, float, float] | None:
    """Effects by seed, standard deviation, and the images' variance of the mean, in units of δ; None if left out."""
    name = f"Claim {contrast.claim}, contrast {contrast.id} of {contrast.study}"
    if tables is None:
        print(f"{name}: left out, as its study has no runs.")
        return None
    row = judge_contrasts(tables.runs, [contrast], tables.curves).iloc[0]
    n, sd = row["n"], float(row["sd"]) / contrast.delta
    if n < LEAST or not sd > 0:
        print(f"{name}: left out, as the {n} seeds that have all of its runs give no spread.")
        return None
    if n < contrast.planned:
        print(f"{name}: its spread is that of {n} seeds, of {contrast.planned} planned.")
    runs = tables.runs[~find_unlearned(tables.runs)] if contrast.unlearned == "left_out" else tables.runs
    effects = contrast.sign * measure_effect(runs, contrast, tables.curves) / contrast.delta
    share = 0.0 if math.isnan(row["image_error"]) else float(row["image_error"])
    return effects.rename(contrast.id), sd, ((1 + share) ** 2 - 1) * sd**2 / n


def _draw_study(rows: np.ndarray, noise: str, n: int, draws: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Errors with standard deviation 1 and the correlations of the rows: (draws, n, contrasts)."""
    m, k = rows.shape
    root = np.linalg.cholesky(rows.T @ rows / (m - 1) + 1e-9 * np.eye(k))
    normal = rng.normal(size=(draws, n, k)) @ root.T
    if noise == "normal":
        return normal
    if noise == "seen":
        chosen = rows[rng.integers(0, m, (draws, n))]
        return (chosen + SMOOTHING * normal) / math.sqrt((m - 1) / m + SMOOTHING**2)
    return side * (1 + special.log_ndtr(side * normal))


def _count_beyond(standardised: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Of how many bootstrap samples of each row the studentised mean is at least the distance, which is above 0.

    With S and Q the sums of a sample and of its squares, S / n / √((Q / n - S² / n²) / (n - 1)) is at least d where
    S |S| is at least n Q d² / (n - 1 + d²).
    """
    n = standardised.shape[1]
    counts = draw_counts(n).T.astype(np.float32)
    scale = (n * distance**2 / (n - 1 + distance**2)).astype(np.float32)
    beyond = np.empty(len(distance))
    for start in range(0, len(distance), 200):
        part = standardised[start : start + 200].astype(np.float32)
        sums = part @ counts
        squares = (part**2 * scale[start : start + 200, None]) @ counts
        beyond[start : start + 200] = (sums * np.abs(sums) >= squares).sum(axis=1)
    return beyond


if __name__ == "__main__":
    main()
