"""How often each claim's rule says what, simulated with the studies' own spreads and correlations.

usage: scripts/simulate_rules.py [--results DIR] [--draws 1000]

For each claim that runs decide, the effects of its contrasts by seed give standard deviations and correlations. Seeds
are drawn around chosen true effects from a normal distribution, from what was seen (its rows with replacement, smoothed
by a fifth of their spread: the skew that was seen), and from exponential distributions skewed to the side that errs;
bootstrap p values take 999 samples here. Writes experiments/rules.csv: a row per claim, noise and number of seeds, with
the probability of each verdict where

  supported_2delta  all effects are 2δ  (should be large)
  refuted_2delta    all effects are -2δ  (should be large)
  supported_null    all effects are 0, or -δ where the contrast is non-inferiority  (an error)
  supported_one     one is as above, the one that errs most often, and the others are beyond doubt  (an error)
  refuted_edge      all effects are δ, or -δ where it is non-inferiority: the smallest that do not fail  (an error)
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from poolscope.statistics.claim_rule import LEVEL, decide_claim
from poolscope.statistics.claims import Claim, Contrast, list_contrasts, read_claims
from poolscope.statistics.contrast_rule import count_shown, draw_counts
from poolscope.statistics.random_effects import pool_contexts
from poolscope.statistics.tables import Tables, collect, write_csv
from poolscope.statistics.verdicts import judge_contrasts, measure_effect

NOISES = ("normal", "seen", "exponential")
SEEDS = (10, 20, 40, 80)


class Rule:
    """A claim's rule with the spreads, correlations and image errors of its contrasts, in units of δ."""

    def __init__(self, claim: Claim, contrasts: list[Contrast], tables: dict[str, Tables]) -> None:
        self.claim, self.kinds = claim, [contrast.kind for contrast in contrasts]
        effects, images = [], []
        for contrast in contrasts:
            table = tables[contrast.study]
            signed = contrast.sign * measure_effect(table.runs, contrast, table.curves) / contrast.delta
            effects.append(signed.rename(contrast.id))
            share = judge_contrasts(table.runs, [contrast], table.curves)["image_error"].astype(float).iloc[0]
            images.append(0.0 if math.isnan(share) else share)
        seen = pd.concat(effects, axis=1).dropna().to_numpy()
        self.residuals = seen - seen.mean(axis=0)
        self.sd = seen.std(axis=0, ddof=1)
        self.correlations = np.corrcoef(seen.T) if len(contrasts) > 1 else np.ones((1, 1))
        self.images = np.array(images)

    def draw(self, noise: str, n: int, draws: int, side: int, rng: np.random.Generator) -> np.ndarray:
        """Errors of shape (draws, n, contrasts); `side` +1 skews exponential ones so that means look too large."""
        k = len(self.sd)
        root = np.linalg.cholesky(self.correlations + 1e-9 * np.eye(k))
        normal = rng.normal(size=(draws, n, k)) @ root.T
        if noise == "normal":
            return normal * self.sd
        if noise == "seen":
            rows = rng.integers(0, len(self.residuals), (draws, n))
            return (self.residuals[rows] + 0.2 * self.sd * rng.normal(size=(draws, n, k))) / math.sqrt(0.9 + 0.04)
        uniform = np.clip(stats.norm.cdf(-side * normal), 1e-12, 1 - 1e-12)
        return -side * (-np.log(1 - uniform) - 1) * self.sd

    def p_values(self, samples: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        """One-sided p that each mean is at most its bound: (draws, contrasts), as `rule.Estimate.p_above` has it."""
        draws, n, k = samples.shape
        counts = draw_counts(n)[:999]
        p = np.empty((draws, k))
        for contrast in range(k):
            values = samples[:, :, contrast]
            mean, sd = values.mean(axis=1), values.std(axis=1, ddof=1)
            distance = (mean - bounds[contrast]) / (sd / math.sqrt(n) * (1 + self.images[contrast]))
            centred = values - mean[:, None]
            for start in range(0, draws, 250):
                part = centred[start : start + 250]
                means = part @ counts.T / n
                variances = np.maximum(part**2 @ counts.T / n - means**2, 1e-30) * n / (n - 1)
                beyond = (means / np.sqrt(variances / n) >= distance[start : start + 250, None]).sum(axis=1)
                p[start : start + 250, contrast] = (1 + beyond) / (1 + len(counts))
            p[:, contrast] = np.maximum(p[:, contrast], stats.t.sf(distance, n - 1))
        return p

    def decide(self, effects: np.ndarray, errors: np.ndarray, rng: np.random.Generator) -> list[str]:
        """The verdict of each draw."""
        n = errors.shape[1]
        shared = (self.images**2 + 2 * self.images) ** 0.5 * self.sd / math.sqrt(n)
        samples = errors + effects + shared * rng.normal(size=(len(errors), 1, len(self.sd)))
        means = samples.mean(axis=1)
        inferior = np.array([kind == "noninferior" for kind in self.kinds])
        hold = self.p_values(samples, np.where(inferior, -1.0, 0.0))
        hold = np.where(inferior | (means >= 1), hold, 1.0)
        fail = self.p_values(-samples, np.where(inferior, 1.0, -1.0))
        reverse = self.p_values(-samples, np.zeros(len(self.sd))) if self.claim.rule == "often" else np.ones_like(hold)
        verdicts = []
        for draw in range(len(samples)):
            pooled, reversals = math.nan, 0
            if self.claim.rule == "often":
                spread = samples[draw].std(axis=0, ddof=1) / math.sqrt(n) * (1 + self.images)
                pooled = pool_contexts(means[draw], spread).low
                reversals = int(((reverse[draw] <= LEVEL / len(self.sd)) & (means[draw] <= -1)).sum())
            shown = (count_shown(hold[draw], LEVEL), count_shown(fail[draw], LEVEL))
            verdicts.append(decide_claim(self.claim.rule, *shown, len(self.sd), pooled, reversals))
        return verdicts


def simulate(rule: Rule, noise: str, n: int, draws: int, errors_too: bool = True) -> dict[str, object]:
    """A row of the table."""
    rng = np.random.default_rng([n, NOISES.index(noise), rule.claim.number])
    k = len(rule.sd)
    null = np.array([-1.0 if kind == "noninferior" else 0.0 for kind in rule.kinds])
    edge = np.array([-1.0 if kind == "noninferior" else 1.0 for kind in rule.kinds])

    def share(effects: np.ndarray, verdict: str, side: int) -> float:
        found = rule.decide(effects, rule.draw(noise, n, draws, side, rng), rng)
        return sum(given == verdict for given in found) / draws

    row: dict[str, object] = {"claim": rule.claim.number, "rule": rule.claim.rule, "contrasts": k, "noise": noise}
    row |= {"seeds": n, "median_sd": round(float(np.median(rule.sd)), 2)}
    row["supported_2delta"] = share(np.full(k, 2.0), "supported", -1)
    row["refuted_2delta"] = share(np.full(k, -2.0), "refuted", 1)
    if errors_too:
        row["supported_null"] = share(null, "supported", 1)
        worst = [share(np.where(np.arange(k) == one, null, 40.0 * (1 + rule.sd)), "supported", 1) for one in range(k)]
        row["supported_one"] = max(worst) if rule.claim.rule == "all" else math.nan
        row["refuted_edge"] = share(edge, "refuted", -1)
    return row


def main() -> None:
    """Write experiments/rules.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", default="results")
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()
    contrasts = [c for c in list_contrasts() if not c.because and c.kind != "exact"]
    ready = {path.parent.parent.name for path in Path(options.results).glob("*/tables/runs.csv")}
    tables = {study: collect(options.results, study) for study in sorted({c.study for c in contrasts} & ready)}
    rows = []
    for claim in read_claims():
        own = [contrast for contrast in contrasts if contrast.claim == claim.number and contrast.study in tables]
        if not own:
            continue
        rule = Rule(claim, own, tables)
        rows += [simulate(rule, noise, 10, options.draws) for noise in NOISES]
        rows += [simulate(rule, "normal", n, options.draws // 2, errors_too=False) for n in SEEDS[1:]]
        print(pd.DataFrame(rows[-len(NOISES) - len(SEEDS) + 1 :]).to_string(index=False), flush=True)
    write_csv(pd.DataFrame(rows), Path("experiments") / "rules.csv")


if __name__ == "__main__":
    main()
