"""`poolscope compare`: which of these strategies is better, by how much, at what cost, and how surely."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from poolscope.commands.arguments import MOST_SHOWN, add_overrides
from poolscope.process.terminal import open_console
from poolscope.reports.comparison import say_hollow, show_mean
from poolscope.reports.figures.files import save_figure
from poolscope.reports.figures.study import plot_accuracy
from poolscope.reports.study import make_table
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import digest
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import study_folder
from poolscope.statistics.arms import add_arms
from poolscope.statistics.contrast_rule import TOO_FEW, Verdict, count_needed_seeds, judge
from poolscope.statistics.inference import pair_by_seed, summarise
from poolscope.statistics.tables import collect, tally_revisions, write_csv
from poolscope.store.finished import identify, open_finished
from poolscope.store.revisions import describe_revisions

_LAUNCHES = "poolscope train runs them; poolscope compare does, too, without --no-run"
SUMMARY = (
    "Compare two or more strategies with the first one, paired by seed, from recorded runs or by running what is "
    "missing: verdict, difference, cost and a figure. The protocol is experiment=compare; any key can be changed."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope compare`."""
    add_overrides(parser, "pool=max,avg data=mnist seeds=[0,1,2]")
    parser.add_argument(
        "--delta", type=float, default=1.0, help="smallest difference that matters, in points (default 1)"
    )
    parser.add_argument("--no-run", action="store_true", help="use recorded runs only")


def run(options: argparse.Namespace) -> int:
    """Compare the strategies that the arguments name."""
    if not 0 < options.delta < 100:
        raise PoolscopeError(f"--delta must be above 0 and below 100 points, not {options.delta:g}.")
    return compare_strategies(options.overrides, options.delta, not options.no_run)


def compare_strategies(overrides: Sequence[str], delta: float = 1.0, may_run: bool = True) -> int:
    """Compare the first strategy that the overrides name with each other one, paired by seed; returns the exit status.

    Runs what is not recorded (unless may_run is false), prints a table, and writes it with its figure to
    <results>/<study>. delta: the smallest difference that matters, in percentage points of test accuracy. Raises
    PoolscopeError where there is nothing to compare or something isn't recorded and may not be run.
    """
    arguments = ["experiment=compare", *overrides]
    configs = compose_runs(arguments, True, most_jobs=MOST_SHOWN).configs
    if len(configs) < 2:
        raise PoolscopeError("compare needs at least two strategies; give several values, as in pool=max,avg.")
    results, study = configs[0].results, configs[0].study
    finished = open_finished(results, study)
    planned = [identify(config, seed) for config in configs for seed in config.seeds]
    lacking = sum(finished.lacks(key) for key in planned)
    status = 0
    if lacking and not may_run:
        raise PoolscopeError(f"{lacking} of {len(planned)} runs are not recorded in study {study}; {_LAUNCHES}.")
    if lacking:
        from poolscope.commands.train import train

        status = train(arguments, multirun=True)
    tables = collect(results, study)
    runs = tables.runs
    wanted = set(planned)
    labelled = add_arms(runs[[pair in wanted for pair in zip(runs["digest"], runs["seed"], strict=True)]])
    done = labelled[labelled["status"] == "done"]
    if done.empty:
        raise PoolscopeError(f"no run of these strategies ended well; `poolscope list runs {study}` says why.")
    baselines = find_first(done, [digest(config) for config in configs])
    table = judge_strategies(done, baselines, delta)
    folder = study_folder(results, study)
    write_csv(table, folder / "tables" / "strategies.csv")
    picture, _ = save_figure(plot_accuracy(done, baselines), folder / "figures", "strategies")
    _print(table, delta, picture)
    sentences = [f"Left out: {sentence}" for sentence in tables.damaged]
    sentences += [describe_revisions(tally_revisions(done)), say_hollow(done).strip()]
    for sentence in filter(None, sentences):
        print(sentence)
    return 1 if tables.damaged else status


def find_first(labelled: pd.DataFrame, digests: Sequence[str]) -> dict[tuple[str, str], str]:
    """{(setting, arm): the setting's arm that comes first among the digests}."""
    baselines = {}
    for setting, runs in labelled.groupby("setting", sort=False):
        first = min(runs["digest"].unique(), key=digests.index)
        name = str(runs.loc[runs["digest"] == first, "arm"].iloc[0])
        baselines.update({(str(setting), str(arm)): name for arm in runs["arm"].unique()})
    return baselines


def judge_strategies(done: pd.DataFrame, baselines: dict[tuple[str, str], str], delta: float) -> pd.DataFrame:
    """A row per setting and arm: n paired seeds, test accuracy (%), difference to the first (points), verdict, cost.

    difference_low and difference_high hold together for all arms of a setting (Bonferroni); detectable is the
    difference that a t test against 0 on these seeds finds with probability 0.8.
    """
    rows = []
    for (setting, arm), first in baselines.items():
        runs = done[done["setting"] == setting]
        own = runs[runs["arm"] == arm]
        accuracy = summarise(100 * own["test_accuracy"].to_numpy(dtype=float), bounds=(0, 100))
        row = {"setting": setting, "arm": arm, "n": len(own), "test_accuracy": accuracy.mean}
        row |= {"test_accuracy_low": accuracy.low, "test_accuracy_high": accuracy.high, "against": first}
        if arm != first:
            family = sum(place == setting for place, _ in baselines) - 1
            verdict = judge(100 * pair_by_seed(runs, arm, first, "test_accuracy"), delta, family)
            row |= {"difference": verdict.mean, "difference_low": verdict.low, "difference_high": verdict.high}
            row |= {"n": verdict.n, "verdict": say_verdict(verdict), "detectable": verdict.detectable}
        for column in ("generalisation_gap", "parameters", "macs", "images_per_second"):
            row[column] = float(own[column].mean()) if column in own else float("nan")
        rows.append(row)
    return pd.DataFrame(rows)


def say_verdict(verdict: Verdict) -> str:
    """Say the verdict on a difference that nobody claimed a direction for, in a word or two."""
    said = verdict.verdict
    if said == TOO_FEW:
        return f"{TOO_FEW} (needs {count_needed_seeds(verdict.family)})"
    if said == "refuted-negligible":
        return "equal within δ"
    if said.endswith("supported"):
        return "better"
    if said == "refuted-reversed":
        return "worse"
    return "not better by δ" if said == "refuted-too-small" else "undecided"


def _print(table: pd.DataFrame, delta: float, picture: Path) -> None:
    texts = []
    for row in table.to_dict("records"):
        first = row["arm"] == row["against"]
        between = "" if first else f" ({row['difference_low']:.2f} to {row['difference_high']:.2f})"
        texts.append(
            {
                "data set": row["setting"],
                "strategy": row["arm"],
                "n": str(row["n"]),
                "test accuracy (%)": show_mean(row, "test_accuracy", 1),
                "difference (points)": "first" if first else f"{row['difference']:+.2f}{between}",
                "verdict": "" if first else row["verdict"],
                "MDE (points)": "" if first else f"{row['detectable']:.2f}",
                "gap": f"{100 * row['generalisation_gap']:.1f}",
                "parameters": f"{row['parameters']:,.0f}",
                "MACs": f"{row['macs']:,.0f}",
                "images/s": f"{row['images_per_second']:,.0f}",
            }
        )
    title = f"Against the first strategy, paired by seed; δ = {delta:g} points; 95 % intervals, of differences jointly"
    open_console().print(make_table(pd.DataFrame(texts), title))
    print("MDE, minimum detectable effect: the difference that a t test on these seeds finds with a power of 80 %.")
    print(f"Small networks, trained briefly: the protocol is experiment=compare. Figure: {picture}")
