"""Short runs on scikit-learn's digits, through the same composition as the command line."""

from __future__ import annotations

from pathlib import Path

from poolscope.data.datasets import load_dataset
from poolscope.runs.progress import Lines
from poolscope.spec.compose import compose_runs
from poolscope.spec.config import RunConfig
from poolscope.spec.plan import plan_network
from poolscope.store.record import RunRecord
from poolscope.training.trainer import Trainer

QUICK = ["model.width=16", "train.steps=30", "data.train_eval_size=100"]


SMALL = ["model.blocks=2", "model.pool_stages=1"]
DRAWS = ["pool=stochastic", "model.norm=batch", "model.dropout=0.2", "train.shift=1"]
OWN_IMAGES = ["data.train_size=300", "data.label_noise=0.1", "train.batch_size=60"]  # another subset for every seed


class Silent(Lines):
    """Counts the fits."""

    def __init__(self) -> None:
        self.begun = 0

    def begin(self, config: RunConfig, seed: int, steps: int) -> None:
        self.begun += 1

    def end(self, config: RunConfig, record: RunRecord) -> None:
        pass


def configure(results: Path, *overrides: str) -> RunConfig:
    (config,) = compose_runs([*QUICK, f"results={results}", *overrides]).configs
    return config


def make_trainer(*overrides: str, seed: int = 0) -> tuple[Trainer, object]:
    (config,) = compose_runs([*QUICK, *overrides]).configs
    dataset = load_dataset(config.data, seed)
    plan = plan_network(config, dataset.shape, dataset.classes)
    return Trainer(config, plan, len(dataset.train.labels)), dataset
