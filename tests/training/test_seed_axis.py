"""Seeds trained together, in one program, end as each of them alone: to 1e-4 of every loss and weight (`NEAR`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from digit_runs import DRAWS, OWN_IMAGES, SMALL, Silent, configure, make_trainer
from processes import with_cpu_devices

from poolscope.data.datasets import load_dataset
from poolscope.runs.run import run_config
from poolscope.spec.config import digest
from poolscope.spec.paths import record_path
from poolscope.store.record import RunRecord, read_record
from poolscope.training.history import Trained
from poolscope.training.trainer import Trainer

SEEDS = [3, 0, 7, 2]
EVERYTHING = [*DRAWS, *OWN_IMAGES, "optim.clip_norm=1"]  # alike in two tests, which share its programs
NEAR = {"rtol": 1e-4, "atol": 1e-5}


def fit_both_ways(*overrides: str, seeds: list[int] = SEEDS) -> tuple[list[Trained], list[Trained]]:
    """Fits one by one and together."""
    alone, _ = make_trainer(*SMALL, "train.steps=10", *overrides)
    datasets = [load_dataset(alone.config.data, seed) for seed in seeds]
    together = Trainer(alone.config, alone.plan, len(datasets[0].train.labels), len(seeds))
    singly = [alone.fit(dataset, seed) for dataset, seed in zip(datasets, seeds, strict=True)]
    return singly, together.fit_together(datasets, seeds)


def assert_near(one: Trained, other: Trained) -> None:
    assert (one.status, one.best_epoch) == (other.status, other.best_epoch)
    assert one.curves.keys() == other.curves.keys()
    for name, values in one.curves.items():
        np.testing.assert_allclose(values, other.curves[name], **NEAR, err_msg=name)
    for weights in ("final", "best"):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, **NEAR), getattr(one, weights), getattr(other, weights)
        )


@pytest.mark.parametrize(
    "overrides",
    [
        EVERYTHING,
        pytest.param(["pool=max", "model.blocks=3", "model.width=8", *OWN_IMAGES], marks=pytest.mark.long),
        pytest.param(["pool=gated", *OWN_IMAGES, "train.loop=scan"], marks=pytest.mark.long),
        pytest.param(["pool=conv_stride"], marks=pytest.mark.long),
    ],
    ids=lambda overrides: " ".join(overrides)[:40],
)
def test_seeds_together_end_as_each_alone(overrides: list[str]) -> None:
    singly, together = fit_both_ways(*overrides, seeds=SEEDS[::2])
    assert len({fit.curves["val_loss"][-1] for fit in together}) == len(singly)
    for one, other in zip(singly, together, strict=True):
        assert_near(one, other)


def explode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the seed 3 begin with infinite weights of the head, and so with a loss that is no number."""
    initialise = Trainer.initialise

    def inflate(self: Trainer, seed: int) -> Any:
        state = initialise(self, seed)
        factor = np.float32(np.inf if seed == 3 else 1)
        kernel = state.params["head"]["kernel"]
        kernel[...] = kernel[...] * factor
        return state

    monkeypatch.setattr(Trainer, "initialise", inflate)


@pytest.mark.long
def test_a_seed_that_diverges_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch, results: Path) -> None:
    explode(monkeypatch)
    steps = ("pool=max", "data.train_size=300", "train.batch_size=100", "train.steps=9")
    singly, together = fit_both_ways(*steps)
    assert [fit.status for fit in together] == ["diverged", "done", "done", "done"]
    assert together[0].reason == singly[0].reason
    assert [len(fit.curves["step"]) for fit in together] == [1, 3, 3, 3]
    for one, other in zip(singly[1:], together[1:], strict=True):
        assert_near(one, other)
    config = configure(results, *SMALL, *steps, f"seeds={SEEDS}", "train.seeds_at_once=4")
    assert [record.status for record in run_config(config, Silent())] == ["diverged", "done", "done", "done"]


def comparable(record: RunRecord) -> dict[str, float]:
    times = ("seconds_train", "images_per_second")
    return {name: value for name, value in record.scalars.items() if name not in times}


def count_fits(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The seeds of every call of fit_together, those of one seed among them."""
    fits: list[list[int]] = []
    fit = Trainer.fit_together

    def counted(self: Trainer, datasets: Any, seeds: Any, *others: Any) -> Any:
        fits.append(list(seeds))
        return fit(self, datasets, seeds, *others)

    monkeypatch.setattr(Trainer, "fit_together", counted)
    return fits


def test_records_are_those_of_the_same_runs_and_only_what_is_missing_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = count_fits(monkeypatch)
    draws = [*SMALL, *EVERYTHING, f"seeds={SEEDS}", "train.steps=10"]
    alone = run_config(configure(tmp_path / "alone", *draws), Silent())
    assert fits == [[seed] for seed in SEEDS]
    fits.clear()
    first, *_ = run_config(configure(tmp_path / "more", *draws, "seeds=[0]"), Silent())
    together = configure(tmp_path / "more", *draws, "train.seeds_at_once=2")
    assert digest(together) == first.digest == alone[0].digest
    records = run_config(together, counter := Silent())
    assert fits == [[0], [3, 7], [2]] and counter.begun == 3
    assert [record.seed for record in records] == SEEDS
    assert [record.provenance.get("seeds_together") for record in records] == [2, None, 2, None]
    assert records[1] == first
    for one, other in zip(alone, records, strict=True):
        path = record_path(tmp_path / "more", "adhoc", other.digest, other.seed)
        assert read_record(path) == other and one.config == other.config
        assert comparable(one).keys() == comparable(other).keys()
        for name, value in comparable(one).items():
            assert value == pytest.approx(comparable(other)[name], rel=1e-3, abs=1e-5), name
        assert other.feature_maps
    assert [path.name for path in path.parent.iterdir() if path.name.startswith(".")] == []
    run_config(together, counter := Silent())
    assert counter.begun == 0 and len(fits) == 3


def test_what_can_t_be_trained_together_is_trained_one_by_one(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the memory of an accelerator holds no more than one, or the data of one seed can't be read."""
    fit = Trainer.fit_together

    def full(self: Trainer, datasets: Any, seeds: Any, *others: Any) -> Any:
        if len(seeds) > 1 or seeds[0] == 0:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return fit(self, datasets, seeds, *others)

    monkeypatch.setattr(Trainer, "fit_together", full)
    told: list[str] = []
    watcher = Silent()
    watcher.notify = told.append  # type: ignore[method-assign]
    records = run_config(
        configure(results, *SMALL, f"seeds={SEEDS}", "train.seeds_at_once=4", "train.steps=3"), watcher
    )
    assert [record.status for record in records] == ["done", "failed", "done", "done"]
    assert records[1].reason == "RuntimeError: RESOURCE_EXHAUSTED: out of memory"
    assert told == [
        "4 seeds are trained one by one; together it failed: RuntimeError: RESOURCE_EXHAUSTED: out of memory"
    ]


@pytest.mark.long
def test_seeds_that_are_trained_together_go_on_from_their_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = [*SMALL, *DRAWS, *OWN_IMAGES, "seeds=[3,0]", "train.seeds_at_once=2", "train.checkpoint_every=1"]
    draws += ["train.steps=15"]
    whole = run_config(configure(tmp_path / "whole", *draws), Silent())

    class Stopped(Silent):
        def advance(self, step: int, values: dict[str, float]) -> None:
            if step >= 10:
                raise KeyboardInterrupt

    config = configure(tmp_path / "stopped", *draws)
    with pytest.raises(KeyboardInterrupt):
        run_config(config, Stopped())
    told: list[str] = []
    watcher = Silent()
    watcher.notify = told.append  # type: ignore[method-assign]
    records = run_config(config, watcher)
    assert len(told) == 1 and told[0].startswith("Training goes on from epoch ")
    for one, other in zip(whole, records, strict=True):
        assert one.curves == other.curves and comparable(one) == comparable(other)


DEVICES = """
import json, sys
import jax
sys.path.insert(0, sys.argv[1])
from digit_runs import DRAWS, OWN_IMAGES, SMALL, make_trainer
from poolscope.spec.config import TrainConfig
from poolscope.data.datasets import load_dataset
from poolscope.training.devices import make_mesh
from poolscope.training.trainer import Trainer

shape = lambda seeds, **keys: list(make_mesh(TrainConfig(**keys), 500, seeds).shape.values())
told = {"meshes": [shape(8), shape(4), shape(3), shape(16), shape(1), shape(4, batch_size=9), shape(4, devices=2),
    shape(2, devices=8), shape(3, devices=4)]}
alone, _ = make_trainer(*SMALL, "train.steps=10", "train.devices=1", *DRAWS, *OWN_IMAGES)
for seeds in map(int, sys.argv[2:]):
    datasets = [load_dataset(alone.config.data, seed) for seed in range(seeds)]
    config = make_trainer(*SMALL, "train.steps=10", *DRAWS, *OWN_IMAGES)[0].config
    trainer = Trainer(config, alone.plan, 300, seeds)
    fits = trainer.fit_together(datasets, range(seeds))
    state = trainer.devices.join([trainer.initialise(seed) for seed in range(seeds)])
    leaf = jax.tree.leaves(state.params)[0]
    told[seeds] = {
        "mesh": list(trainer.mesh.shape.values()),
        "seeds on a device": sorted({shard.data.shape[0] for shard in leaf.addressable_shards}),
        "devices": len({shard.device for shard in leaf.addressable_shards}),
        "fits": [[fit.curves, float(sum(abs(leaf).sum() for leaf in jax.tree.leaves(fit.final)))] for fit in fits],
        "test": [trainer.evaluate(fit.final, trainer.place_split(data.test), data).loss
            for fit, data in zip(fits, datasets)],
    }
ends = [(alone.fit(data, seed), data) for seed, data in enumerate(datasets)]
told["alone"] = [[fit.curves, float(sum(abs(leaf).sum() for leaf in jax.tree.leaves(fit.final)))] for fit, _ in ends]
told["test"] = [alone.evaluate(fit.final, alone.place_split(data.test), data).loss for fit, data in ends]
print(json.dumps(told))
"""


@pytest.mark.long
def test_eight_devices_take_seeds_first_then_what_is_left_shares_each_batch(tmp_path: Path) -> None:
    tried = {"8": [8, 1], "4": [4, 2]}
    environment = with_cpu_devices(8)
    command = [sys.executable, "-c", DEVICES, str(Path(__file__).parents[1] / "support"), *tried]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["meshes"] == [[8, 1], [4, 2], [3, 2], [8, 1], [1, 8], [4, 1], [2, 1], [2, 4], [1, 4]]
    for seeds, mesh in tried.items():
        assert told[seeds]["mesh"] == mesh
        assert (told[seeds]["seeds on a device"], told[seeds]["devices"]) == ([1], 8)
        for (curves, weight), (expected, whole) in zip(told[seeds]["fits"], told["alone"], strict=False):
            assert weight == pytest.approx(whole, rel=1e-4)
            for name, values in expected.items():
                np.testing.assert_allclose(curves[name], values, **NEAR, err_msg=name)
        np.testing.assert_allclose(told[seeds]["test"][:4], told["test"], **NEAR)
