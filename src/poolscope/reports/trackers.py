"""A study's runs in an experiment tracker, offline: TensorBoard, MLflow or Weights & Biases, through one interface."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poolscope.spec.config import RESULT_KEYS
from poolscope.spec.errors import PoolscopeError, describe_install
from poolscope.statistics.selection import Selection
from poolscope.statistics.tables import Tables
from poolscope.store.cells import to_cell
from poolscope.store.checks import is_scalar


@dataclass(frozen=True)
class TrackedRun:
    """One run as trackers have it.

    name: setting, arm and seed. config: keys with their values as texts. curves: at each step the values measured
    there. scalars: the final values.
    """

    name: str
    config: Mapping[str, str]
    curves: tuple[tuple[int, Mapping[str, float]], ...]
    scalars: Mapping[str, float]


def list_tracked(selection: Selection, tables: Tables) -> Iterator[TrackedRun]:
    """List the runs of a selection."""
    curves = dict(list(tables.curves.groupby(["digest", "seed"]))) if len(tables.curves) else {}
    for row in selection.done.to_dict("records"):
        config = {key: to_cell(row[key]) for key in RESULT_KEYS if key in row and row[key] == row[key]}
        config |= {name: str(row[name]) for name in ("digest", "seed", "setting", "arm")}
        points = []
        if (curve := curves.get((row["digest"], row["seed"]))) is not None:
            for point in curve.to_dict("records"):
                values = {name: value for name, value in point.items() if name not in ("digest", "seed", "step")}
                points.append((int(point["step"]), _finite(values)))
        scalars = _finite({str(name): value for name, value in row.items() if is_scalar(str(name))})
        yield TrackedRun(f"{row['setting']} {row['arm']} seed {row['seed']}", config, tuple(points), scalars)


def write_tracked(form: str, selection: Selection, tables: Tables, study: str, folder: Path, force: bool) -> int:
    """Write the runs of a selection for a tracker to a folder; returns how many.

    Raises:
        PoolscopeError: where the folder isn't empty and `force` is false, or the tracker's package isn't installed.
    """
    if folder.exists() and not force and (not folder.is_dir() or any(folder.iterdir())):
        raise PoolscopeError(f"{folder} isn't empty: runs would be added to it; add them with --force, or take --out.")
    module, write = TRACKERS[form]
    try:
        library = importlib.import_module(module)
    except ImportError as error:
        raise PoolscopeError(f"--to {form} needs a package that is not installed: {describe_install(form)}.") from error
    folder.mkdir(parents=True, exist_ok=True)
    runs = list(list_tracked(selection, tables))
    for run in runs:
        write(library, run, study, folder.resolve())
    return len(runs)


def _write_tensorboard(library: Any, run: TrackedRun, study: str, folder: Path) -> None:
    name = "".join(letter if letter.isalnum() or letter in "-_.=" else "_" for letter in run.name)
    with library.SummaryWriter(logdir=str(folder / name), write_to_disk=True) as writer:
        for step, values in run.curves:
            for metric, value in values.items():
                writer.add_scalar(metric, value, step)
        last = run.curves[-1][0] if run.curves else 0
        for metric, value in run.scalars.items():
            writer.add_scalar(f"final/{metric}", value, last)
        writer.add_text("config", "\n".join(f"    {key}: {value}" for key, value in run.config.items()), 0)


def _write_mlflow(library: Any, run: TrackedRun, study: str, folder: Path) -> None:
    client = library.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    found = client.get_experiment_by_name(study)
    experiment = found.experiment_id if found else client.create_experiment(study, (folder / "artifacts").as_uri())
    tracked = client.create_run(experiment, run_name=run.name)
    for key, text in run.config.items():
        client.log_param(tracked.info.run_id, key, text)
    for step, values in run.curves:
        for metric, value in values.items():
            client.log_metric(tracked.info.run_id, metric, value, step=step)
    for metric, value in run.scalars.items():
        client.log_metric(tracked.info.run_id, f"final/{metric}", value)
    client.set_terminated(tracked.info.run_id)


def _write_wandb(library: Any, run: TrackedRun, study: str, folder: Path) -> None:
    settings = library.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True)
    tracked = library.init(
        mode="offline", dir=str(folder), project=study, name=run.name, config=dict(run.config), settings=settings
    )
    for step, values in run.curves:
        tracked.log(dict(values), step=step)
    tracked.summary.update({f"final/{metric}": value for metric, value in run.scalars.items()})
    tracked.finish()


def _finite(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


TRACKERS: dict[str, tuple[str, Callable[[Any, TrackedRun, str, Path], None]]] = {  # package, and who writes a run
    "tensorboard": ("tensorboardX", _write_tensorboard),
    "mlflow": ("mlflow", _write_mlflow),
    "wandb": ("wandb", _write_wandb),
}
