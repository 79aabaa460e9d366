"""The progress of a sweep on the screen: bars on a terminal, a line for each finished run elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import TaskID, TextColumn

from poolscope.process.terminal import make_bars, open_console
from poolscope.spec.config import RunConfig
from poolscope.spec.varying import name_configs
from poolscope.store.finished import identify
from poolscope.store.record import RunKey, RunRecord
from poolscope.store.run_lock import read_owner


def label_runs(configs: Sequence[RunConfig]) -> dict[RunKey, str]:
    """Label each run of a sweep by what distinguishes it: "digits max lr=0.05 seed 0"."""
    return {
        identify(config, seed): f"{name} seed {seed}"
        for config, name in zip(configs, name_configs(configs), strict=True)
        for seed in config.seeds
    }


def describe_outcome(label: str, record: RunRecord) -> str:
    """Describe a finished run in one line: accuracies, as far as they were measured, and whether it is at chance."""
    if record.status != "done":
        return f"{label}: {record.status}: {record.reason}"
    shares = [
        f"{words} {record.scalars[name]:.1%}"
        for words, name in (
            ("validation", "val_accuracy"),
            ("test", "test_accuracy"),
            ("train", "train_eval_accuracy"),
        )
        if name in record.scalars
    ]
    shares += ["at chance"] if record.at_chance else []
    return f"{label}: {', '.join(shares)}, {record.provenance.get('seconds', 0):.1f} s"


class Lines:
    """One line for each finished run; what a launcher's worker or a file gets. labels: of the runs of the sweep."""

    def __init__(self, console: Console | None = None, labels: Mapping[RunKey, str] | None = None) -> None:
        self.console = console or open_console(stderr=True)
        self.labels = labels or {}

    def label(self, config: RunConfig, seed: int) -> str:
        """Name a run as the screen shows it."""
        return self.labels.get(identify(config, seed)) or f"{name_configs([config])[0]} seed {seed}"

    def begin(self, config: RunConfig, seed: int, steps: int) -> None:
        """Show that a run starts."""

    def advance(self, step: int, values: dict[str, float]) -> None:
        """Show that a run was evaluated after `step` optimiser steps."""

    def end(self, config: RunConfig, record: RunRecord) -> None:
        """Print how a run ended."""
        self.console.print(describe_outcome(self.label(config, record.seed), record), soft_wrap=True)

    def notify(self, sentence: str) -> None:
        """Print a sentence that the person watching should know."""
        self.console.print(sentence, style="yellow", soft_wrap=True)


class LiveDisplay(Lines):
    """The runs of a sweep and the steps of the current run as two bars; off a terminal, only the lines."""

    def __init__(self, console: Console, runs: int, labels: Mapping[RunKey, str] | None = None) -> None:
        super().__init__(console, labels)
        self.bars = make_bars(console, TextColumn("{task.fields[note]}", markup=False))
        self.sweep = self.bars.add_task("runs", total=runs, note="")
        self.run = self.bars.add_task("steps", total=None, note="", visible=False)
        self._ended = threading.Event()

    def __enter__(self) -> LiveDisplay:
        self.bars.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self.bars.stop()

    def watch(self, runs: Mapping[Path, str]) -> None:
        """Follow runs that other processes train, by the paths of their records: a bar for each that is training."""
        if not self.bars.disable:
            threading.Thread(target=self._follow, args=(runs,), daemon=True).start()

    def _follow(self, runs: Mapping[Path, str]) -> None:
        shown: dict[Path, TaskID] = {}
        while not self._ended.wait(1.0):
            ended = sum(path.exists() for path in runs)
            self.bars.update(self.sweep, completed=ended)
            for path, label in runs.items():
                owner = read_owner(path)
                if owner is None and path in shown:
                    self.bars.remove_task(shown.pop(path))
                elif owner is not None:
                    if path not in shown:
                        shown[path] = self.bars.add_task("steps", note=label)
                    self.bars.update(shown[path], total=owner.steps or None, completed=owner.step)

    def begin(self, config: RunConfig, seed: int, steps: int) -> None:
        self.bars.reset(self.run, total=steps, note=self.label(config, seed), visible=True)

    def advance(self, step: int, values: dict[str, float]) -> None:
        self.bars.update(self.run, completed=step, note=f"validation {values['val_accuracy']:.1%}")

    def end(self, config: RunConfig, record: RunRecord) -> None:
        super().end(config, record)
        self.bars.advance(self.sweep)
