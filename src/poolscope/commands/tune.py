"""`poolscope tune`: learning rates x seeds on validation images for each arm of a study, and the best of each."""

from __future__ import annotations

import argparse
import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from poolscope.commands.arguments import add_job_flags, add_overrides, read_seed
from poolscope.commands.checks import check_jobs, leave_out_impossible, print_left_out
from poolscope.commands.train import train_jobs
from poolscope.process.terminal import list_rows, open_console
from poolscope.spec.compose import Composed, compose_jobs, read_written
from poolscope.spec.config import SETTINGS, digest
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import check_study, study_folder
from poolscope.spec.rates import RATE, find_pattern, name_arm, nest, write_rates
from poolscope.spec.sweep_options import take_options
from poolscope.spec.varying import find_factors, find_varying, list_values
from poolscope.store.finished import open_finished

SUMMARY = "Find each arm's learning rate: rates x seeds on validation images, wider where the best is at an edge."
_EXAMPLES = """
  poolscope tune pool=max,avg data=digits study=mine --rates 0.02,0.05,0.1
  poolscope train -m pool=max,avg data=digits study=mine seeds=[0,1,2] rates=results/mine_tuning/rates.yaml
"""
_MOST_RATES = 20
_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # on the configured rate, where no rates are given


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope tune`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"examples:{_EXAMPLES}"
    add_overrides(parser, "the study as `poolscope train -m` takes it: arms, data, network, its seeds")
    add_job_flags(parser)
    parser.add_argument("--rates", type=_read_rates, help="the grid, as in 0.01,0.02,0.04 (default: 1/4 to 4 times)")
    parser.add_argument("--seeds", type=_read_seeds, default=[100, 101, 102], help="of the tuning (100,101,102)")
    parser.add_argument("--by", metavar="KEYS", help="keys that name an arm's rate, as in pool.name,pool.window")
    parser.add_argument("--out", help="folder of tuning.csv, the curves and rates.yaml (<results>/<study>_tuning)")
    parser.add_argument("--recorded", action="store_true", help="train nothing; show what is recorded")
    parser.add_argument("--dry-run", action="store_true", help="check and list the first round, train nothing")


def run(options: argparse.Namespace) -> int:
    """Tune, show and write; returns 0, or 1 where an arm has no rate."""
    tuning = prepare_tuning(options.overrides, options.rates, options.seeds, options.by, options.config_dir)
    print_left_out(tuning.left_out)
    if options.dry_run:
        from poolscope.commands.dry_run import describe_jobs

        composed = tuning.compose()
        finished = open_finished(tuning.results, tuning.study)
        check_jobs(composed.configs, finished, open_console(stderr=True))
        describe_jobs(composed, finished)
        return 0
    command = _write_command(options)
    if options.out and not options.recorded:
        Path(options.out).mkdir(parents=True, exist_ok=True)  # before hours of training
    tables = _round(tuning, None if options.recorded else command)
    while tables.complete and tuning.widen(tables.best):
        tables = _round(tuning, None if options.recorded else command)
    return _conclude(tuning, tables, options)


@dataclass
class Tuning:
    """What is tuned: the study's overrides, its arms as overrides by name, and the rates tried for each.

    pattern: of the arms' names, as in the study's files; left_out: jobs of the study that can't be, with the reason.
    """

    overrides: list[str]
    config_dir: str | None
    arms: dict[str, list[str]]
    pattern: str
    start: list[float]
    seeds: list[int]
    results: str
    study: str
    tried: dict[str, list[float]] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tried = {name: list(self.start) for name in self.arms}

    def compose(self) -> Composed:
        """Compose the jobs: every arm at each of its rates."""
        composed = compose_jobs(self.overrides, lambda _: list(self._list_jobs()), self.config_dir)
        return replace(composed, left_out=self.left_out)

    def widen(self, best: pd.DataFrame) -> bool:
        """Widen the rates of arms whose best is at an edge; returns whether there is more to try."""
        from poolscope.statistics.tuning import widen

        wider = dict(self.tried)
        for name, edge in zip(best["name"], best["edge"], strict=True):
            wider[name] = widen(self.tried[name], self.start, edge)
        changed, self.tried = wider != self.tried, wider
        return changed

    def _list_jobs(self) -> Iterator[list[str]]:
        for name, words in self.arms.items():
            for rate in self.tried[name]:
                yield [*words, *_trial_words(self.study, self.seeds, rate)]


@dataclass(frozen=True)
class Tables:
    """What the trials say; see `poolscope.statistics.tuning`. best has the arms' names as column name.

    asked: how many trials there are to be.
    """

    trials: pd.DataFrame
    means: pd.DataFrame
    best: pd.DataFrame
    asked: int

    @property
    def complete(self) -> bool:
        """Whether every trial has a record."""
        return len(self.trials) == self.asked


def prepare_tuning(
    overrides: Sequence[str],
    rates: Sequence[float] | None = None,
    seeds: Sequence[int] = (100, 101, 102),
    by: str | None = None,
    config_dir: str | None = None,
) -> Tuning:
    """Find a study's arms and their names, and check them.

    Args:
        overrides: the study, as for `poolscope train -m`.
        rates: to be tried first; default: five around the configured one, by a factor of 2.
        seeds: of the tuning, none of them the study's.
        by: keys that name an arm, with commas; default: as the study's files look rates up, else the keys that vary.
        config_dir: a folder of configuration files of the user's own.

    Raises:
        PoolscopeError: where the arms can't be told apart by name, or rates and seeds don't fit.
    """
    written = read_written(overrides, RATE, config_dir)
    if rates is None and not isinstance(written, float | int):
        raise PoolscopeError(f"{RATE} is {written}; give the rates to try first, as in --rates 0.01,0.02,0.04.")
    start = sorted(rates or [factor * written for factor in _FACTORS])

    def list_arms(jobs: list[list[str]]) -> list[list[str]]:
        chosen = [[word for word in job if word.partition("=")[0].lstrip("+") == RATE] for job in jobs]
        if len({tuple(words) for words in chosen}) > 1:
            raise PoolscopeError(f"{RATE} varies in this sweep; leave it out, and give its values by --rates.")
        others = [tuple(word for word in job if word not in own) for job, own in zip(jobs, chosen, strict=True)]
        return [[*words, f"{RATE}={start[0]!r}"] for words in dict.fromkeys(others)]

    composed = leave_out_impossible(compose_jobs(overrides, list_arms, config_dir))
    configs, found = composed.configs, [job[:-1] for job in composed.jobs]
    own_seeds = {seed for config in configs for seed in config.seeds}
    if shared := sorted(own_seeds & set(seeds)):
        raise PoolscopeError(f"--seeds {shared[0]} is a seed of the study itself; tune with others.")
    values = list_values(configs)
    pattern = _join_keys(by) if by else find_pattern(written) or _choose_keys(values)
    names = [name_arm(pattern, of_one) for of_one in values]
    if twice := next((name for name in names if names.count(name) > 1), None):
        keys = ", ".join(find_varying(values, ignoring=[RATE]))
        raise PoolscopeError(
            f"{names.count(twice)} arms have the one learning rate {twice} (what varies: {keys}); fix a key, or name "
            f"arms by more keys, as in --by {keys.replace(' ', '') or 'pool.name'}."
        )
    nest(dict.fromkeys(names, 0.0))
    study = f"{configs[0].study}_tuning"
    check_study(study)
    asked = any(word.partition("=")[0].lstrip("+") in ("measure", "measure.name") for word in overrides)
    measure = [] if asked else ["measure=validation", "measure.images=null"]
    arms = dict(zip(names, [[*words, *measure] for words in found], strict=True))
    words = [word for word in take_options(overrides)[0] if word.partition("=")[0] not in ("study", "seeds")]
    words = [*words, f"study={study}"]
    return Tuning(
        words, config_dir, arms, pattern, start, list(seeds), configs[0].results, study, left_out=composed.left_out
    )


def _trial_words(study: str, seeds: Sequence[int], rate: float) -> list[str]:
    return [f"study={study}", f"seeds=[{','.join(map(str, seeds))}]", f"{RATE}={rate!r}"]


def _round(tuning: Tuning, command: str | None) -> Tables:
    """Train the trials that are not recorded yet (none without a command), and read all of them."""
    composed = tuning.compose()
    if command is not None:
        from poolscope.spec.linked_keys import take_points

        words = take_points(tuning.overrides)[0]
        train_jobs(composed, words, command, tuning.config_dir, only_lacking=True)
    from poolscope.statistics.tables import collect
    from poolscope.statistics.tuning import average_trials, choose_rates, list_trials

    pairs = itertools.chain.from_iterable([name] * len(rates) for name, rates in tuning.tried.items())
    names = {digest(config): name for config, name in zip(composed.configs, pairs, strict=True)}
    collected = collect(tuning.results, tuning.study)
    for sentence in collected.damaged:
        open_console(stderr=True).print(f"Left out: {sentence}", soft_wrap=True)
    runs = collected.runs
    runs = runs[runs["digest"].isin(names) & runs["seed"].isin(tuning.seeds)]
    if runs.empty:
        raise PoolscopeError(f"No trial of study {tuning.study} is recorded under {tuning.results}.")
    trials = list_trials(runs)
    means = average_trials(trials)
    best = choose_rates(means)
    of_arm = trials.drop_duplicates(["setting", "arm"]).set_index(["setting", "arm"])["digest"].map(names)
    best = best.assign(name=[of_arm[setting, arm] for setting, arm in zip(best["setting"], best["arm"], strict=True)])
    return Tables(trials, means, best, len(composed.configs) * len(tuning.seeds))


def _conclude(tuning: Tuning, tables: Tables, options: argparse.Namespace) -> int:
    from poolscope.reports.figures.files import save_figure
    from poolscope.reports.figures.tuning import plot_tuning
    from poolscope.reports.tuning import say_tuning, show_tuning
    from poolscope.statistics.tables import write_csv
    from poolscope.statistics.tuning import TRIALS
    from poolscope.store.files import write_text

    console = open_console()
    console.print(list_rows(list(show_tuning(tables.means, tables.best)), left=("data set", "arm", "note")))
    folder = Path(options.out) if options.out else study_folder(tuning.results, tuning.study)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(tables.trials[list(TRIALS)], folder / "tuning.csv")
    files = [
        folder / "tuning.csv",
        *save_figure(plot_tuning(tables.trials, tables.means, tables.best), folder, "tuning"),
    ]
    for sentence in say_tuning(tables.trials, tables.best, tables.asked):
        console.print(sentence, soft_wrap=True)
    chosen = tables.best.dropna(subset=[RATE])
    if tables.complete and len(chosen):
        files.append(folder / "rates.yaml")
        about = [
            f"Tuned by {_write_command(options)}",
            f"on seeds {', '.join(map(str, tuning.seeds))}; every trial: tuning.csv",
        ]
        write_text(write_rates(tuning.pattern, dict(zip(chosen["name"], chosen[RATE], strict=True)), about), files[-1])
    console.print(f"Written: {', '.join(map(str, files))}", soft_wrap=True)
    if tables.complete and len(chosen):
        own = [word for word in options.overrides if not word.startswith(f"{RATE}=")]
        console.print(f"Next: {shlex.join(['poolscope', 'train', '-m', *own, f'rates={files[-1]}'])}", soft_wrap=True)
    return 0 if len(chosen) == len(tuning.arms) else 1


def _write_command(options: argparse.Namespace) -> str:
    """The command line that asks for this tuning, as one could type it."""
    flags = ["--rates", ",".join(f"{rate!r}" for rate in options.rates)] if options.rates else []
    flags += ["--seeds", ",".join(map(str, options.seeds))]
    flags += ["--by", options.by] if options.by else []
    flags += ["--config-dir", options.config_dir] if options.config_dir else []
    return shlex.join(["poolscope", "tune", *options.overrides, *flags])


def _join_keys(by: str) -> str:
    keys = [key.strip() for key in by.split(",")]
    if unknown := [key for key in keys if key not in SETTINGS]:
        raise PoolscopeError(f"--by {unknown[0]} is no key of a run; give keys such as pool.name,pool.window.")
    return "_".join(f"${{{key}}}" for key in keys)


def _choose_keys(values: Sequence[Mapping[str, Any]]) -> str:
    """The pattern of the fewest varying keys that tell all arms apart, the data set's name as a level of its own."""
    chosen = find_factors(values, ignoring=[RATE])
    data = ["${data.name}"] if "data.name" in chosen else []
    rest = [f"${{{key}}}" for key in chosen if key != "data.name"] or ["${pool.name}"]
    return ".".join([*data, "_".join(rest)])


def _read_rates(text: str) -> list[float]:
    within = SETTINGS[RATE].within
    assert within is not None
    try:
        rates = [float(part) for part in text.split(",")]
    except ValueError:
        rates = []
    if not 0 < len(rates) <= _MOST_RATES or len(set(rates)) < len(rates) or not all(rate in within for rate in rates):
        raise argparse.ArgumentTypeError(
            f"must be 1 to {_MOST_RATES} different numbers {within} with commas between, not {text[:80]}"
        )
    return rates


def _read_seeds(text: str) -> list[int]:
    seeds = [read_seed(part) for part in text.split(",")]
    if len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError(f"must be different whole numbers with commas between, not {text[:80]}")
    return seeds
