"""Made-up records of a small study, written the way runs write them: known effects, no training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from poolscope.spec.config import DataConfig, PoolConfig, RunConfig, digest, to_dict
from poolscope.spec.paths import record_path
from poolscope.store.record import RunRecord, pack_bits, write_record

EPOCHS = 6
TEST_SIZE = 200
CLASSES = 4


def make_config(pool: str = "max", data: str = "mnist", **keys: Any) -> RunConfig:
    """A configuration; keys such as pool__window=3 set one value of one section."""
    config = RunConfig(data=DataConfig(name=data), pool=PoolConfig(name=pool), study="made")
    for key, value in keys.items():
        section, _, name = key.partition("__")
        setattr(getattr(config, section), name, value)
    return config


def make_record(config: RunConfig, seed: int, effect: float = 0.0, status: str = "done", reason: str = "") -> RunRecord:
    """A record whose test accuracy is 0.8 + effect + noise; arms of one seed share half of the noise."""
    own = np.random.default_rng([seed, int(digest(config), 16)])
    noise = 0.01 * np.random.default_rng([seed, len(config.data.name)]).normal() + 0.01 * own.normal()
    correct = own.random(TEST_SIZE) < 0.8 + effect + noise
    test = float(correct.mean())
    train = min(1.0, test + 0.08 + 0.5 * effect + 0.01 * float(own.normal()))
    true = np.arange(TEST_SIZE) % CLASSES
    confusion = np.zeros((CLASSES, CLASSES), dtype=int)
    np.add.at(confusion, (true, np.where(correct, true, (true + 1) % CLASSES)), 1)
    rise = 1 - np.exp(-np.arange(EPOCHS + 1) / 2)
    curves = {
        "epoch": [float(epoch) for epoch in range(EPOCHS + 1)],
        "step": [50.0 * epoch for epoch in range(EPOCHS + 1)],
    }
    for split, end in (("train_eval", train), ("val", test)):
        wobble = 0.004 * own.normal(size=EPOCHS + 1)
        curves[f"{split}_accuracy"] = (0.1 + (end - 0.1) * rise + wobble).tolist()
        curves[f"{split}_loss"] = (2.3 - 2.3 * end * rise + wobble).tolist()
    image = own.random((8, 8))
    maps = {
        "image": image.tolist(),
        "stages": [{"stage": 1, "before": [image.tolist()] * 2, "after": [image[::2, ::2].tolist()] * 2}],
    }
    scalars = {"test_accuracy": test, "train_eval_accuracy": train, "generalisation_gap": train - test}
    scalars |= {"test_loss": 1 - test, "train_eval_loss": 1 - train, "val_accuracy": test, "val_loss": 1 - test}
    scalars |= {"parameters": 896, "macs": 123456, "seconds_train": 1.5, "epochs": EPOCHS, "steps": 50 * EPOCHS}
    scalars |= {"train_size": 500, "test_size": TEST_SIZE}
    done = status == "done"
    return RunRecord(
        study=config.study,
        digest=digest(config),
        seed=seed,
        status=status,
        reason=reason,
        config=to_dict(config),
        scalars=scalars if done else {"parameters": 896, "train_eval_loss": float("nan")},
        curves=curves if done else {name: values[:2] for name, values in curves.items()},
        confusion=confusion.tolist() if done else [],
        test_correct=pack_bits(correct.tolist()) if done else "",
        feature_maps=maps if done and seed == 0 else {},
        provenance={"git": "0123456", "device": "cpu", "versions": {"jax": "0.10.2"}, "classes": CLASSES},
    )


def write_study(results: Path, records: Iterable[RunRecord]) -> None:
    """Write each record where its run would have left it."""
    for record in records:
        write_record(record, record_path(results, record.study, record.digest, record.seed))
