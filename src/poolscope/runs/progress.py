"""The progress of a sweep on the screen: bars on a terminal, a line for each finished run elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import TaskID, TextColumn

from poolscope.process.terminal import make_bars, open_console
from poolscope.spec.config import RunConfig
from poolscope.store.record import RunRecord
from poolscope.store.run_lock import read_owner


def describe_run(config: RunConfig, seed: int) -> str:
    """Name a run as the screen shows it."""
    return f"{config.data.name} {config.pool.name} seed {seed}"


def describe_outcome(config: RunConfig, record: RunRecord) -> str:
    """Describe a finished run in one line."""
    arm = describe_run(config, record.seed)
    if record.status != "done":
        return f"{arm}: {record.status}: {record.reason}"
    values = record.scalars
    return (
        f"{arm}: test {values['test_accuracy']:.1%}, train {values['train_eval_accuracy']:.1%}, "
        f"{record.provenance.get('seconds', 0):.1f} s"
    )


class Lines:
    """One line for each finished run; what a launcher's worker or a file gets."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or open_console(stderr=True)

    def begin(self, config: RunConfig, seed: int, steps: int) -> None:
        """Show that a run starts."""

    def advance(self, step: int, values: dict[str, float]) -> None:
        """Show that a run was evaluated after `step` optimiser steps."""

    def end(self, config: RunConfig, record: RunRecord) -> None:
        """Print how a run ended."""
        self.console.print(describe_outcome(config, record), soft_wrap=True)

    def notify(self, sentence: str) -> None:
        """Print a sentence that the person watching should know."""
        self.console.print(sentence, style="yellow", soft_wrap=True)


class LiveDisplay(Lines):
    """The runs of a sweep and the steps of the current run as two bars; off a terminal, only the lines."""

    def __init__(self, console: Console, runs: int) -> None:
        super().__init__(console)
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
        self.bars.reset(self.run, total=steps, note=describe_run(config, seed), visible=True)

    def advance(self, step: int, values: dict[str, float]) -> None:
        self.bars.update(self.run, completed=step, note=f"validation {values['val_accuracy']:.1%}")

    def end(self, config: RunConfig, record: RunRecord) -> None:
        super().end(config, record)
        self.bars.advance(self.sweep)
