"""The main path on real digits: train, record, skip, diverge, fail, go on; and what must not change a result."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from digit_runs import QUICK, Silent, configure, make_trainer
from processes import with_cpu_devices

from poolscope.runs.run import run_config
from poolscope.spec.config import digest
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import record_path
from poolscope.store.record import RunRecord, read_record, unpack_bits
from poolscope.training.augment import normalise
from poolscope.training.trainer import Trainer


def without_provenance(record: RunRecord) -> RunRecord:
    timings = ("seconds_train", "images_per_second")
    scalars = {name: value for name, value in record.scalars.items() if name not in timings}
    return dataclasses.replace(record, provenance={}, scalars=scalars)


def test_digits_are_learned_and_the_record_adds_up(results: Path) -> None:
    config = configure(results, "train.steps=null", "train.epochs=8", "model.width=16")
    (record,) = run_config(config, Silent())
    values = record.scalars
    assert record.status == "done"
    assert values["test_accuracy"] > 0.95
    assert values["test_size"] == 360
    assert values["train_size"] == 1200
    assert np.sum(record.confusion) == 360
    assert np.trace(record.confusion) / 360 == pytest.approx(values["test_accuracy"])
    assert np.mean(unpack_bits(record.test_correct)) == pytest.approx(values["test_accuracy"])
    assert values["generalisation_gap"] == pytest.approx(values["train_eval_accuracy"] - values["test_accuracy"])
    assert record.curves["epoch"] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert record.curves["step"][-1] == values["steps"] == 8 * (1200 // 64)
    assert record.curves["val_loss"][-1] == pytest.approx(values["val_loss"])
    best = int(np.argmin(record.curves["val_loss"]))
    assert values["best_epoch"] == record.curves["epoch"][best]
    assert record.feature_maps["stages"][0]["before"]
    assert read_record(record_path(results, "adhoc", record.digest, 0)).curves == record.curves


@pytest.mark.long
def test_the_same_seed_gives_the_same_record_and_another_one_doesn_t(tmp_path: Path) -> None:
    stochastic = ["pool=stochastic", "train.shift=1", "model.dropout=0.2", "data.train_size=600"]
    once, again = (run_config(configure(tmp_path / name, *stochastic, "seeds=[3,4]"), Silent()) for name in "ab")
    assert without_provenance(once[0]) == without_provenance(again[0])
    assert once[0].curves["train_loss"] != once[1].curves["train_loss"]


@pytest.mark.long
def test_what_is_recorded_is_not_run_again_and_seeds_can_be_added(results: Path) -> None:
    first, second, third = Silent(), Silent(), Silent()
    records = run_config(configure(results, "seeds=[0,1]"), first)
    assert run_config(configure(results, "seeds=[0,1]"), second) == records
    more = run_config(configure(results, "seeds=[1,2]"), third)
    assert (first.begun, second.begun, third.begun) == (2, 0, 1)
    assert more[0] == records[1]


@pytest.mark.long
def test_a_diverging_run_is_recorded_as_such(results: Path) -> None:
    config = configure(results, "optim.learning_rate=1e12", "optim.momentum=0")
    (record,) = run_config(config, Silent())
    assert record.status == "diverged"
    assert "not finite" in record.reason
    assert record.scalars == {}
    assert run_config(config, counter := Silent())[0].status == "diverged"
    assert counter.begun == 0


@pytest.mark.long
def test_a_failing_seed_leaves_its_reason_the_others_go_on_and_it_is_tried_again(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(results, "seeds=[0,1]")
    fit = Trainer.fit

    def fail_once(self: Trainer, dataset: object, seed: int, *others: object) -> object:
        if seed == 0:
            raise RuntimeError("out of\nmemory")
        return fit(self, dataset, seed, *others)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "fit", fail_once)
        failed, done = run_config(config, Silent())
    assert (failed.status, failed.reason, done.status) == ("failed", "RuntimeError: out of memory", "done")
    counter = Silent()
    assert [record.status for record in run_config(config, counter)] == ["done", "done"]
    assert counter.begun == 1


@pytest.mark.long
def test_evaluation_covers_every_example_as_a_hand_loop_does() -> None:
    trainer, dataset = make_trainer("train.eval_batch_size=100", "model.norm=batch", "model.dropout=0.5")
    trained = trainer.fit(dataset, 0)
    found = trainer.evaluate(trained.final, trainer.place_split(dataset.test), dataset)
    logits = np.concatenate(
        [
            trainer.apply(
                trained.final, normalise(dataset.test.images[i : i + 90], dataset.mean, dataset.std), train=False
            )[0]
            for i in range(0, 360, 90)
        ]
    )
    losses = optax.softmax_cross_entropy_with_integer_labels(jax.numpy.asarray(logits), dataset.test.labels)
    assert len(found.correct) == 360
    assert found.accuracy == np.mean(logits.argmax(-1) == dataset.test.labels)
    assert found.loss == pytest.approx(float(losses.mean()), rel=1e-4)


@pytest.mark.long
def test_scanned_epochs_take_the_same_steps() -> None:
    (step, dataset), (scan, _) = (make_trainer(f"train.loop={loop}", "pool=mixed") for loop in ("step", "scan"))
    one, other = step.fit(dataset, 0), scan.fit(dataset, 0)
    assert not step.scans
    assert scan.scans
    np.testing.assert_allclose(one.curves["train_loss"], other.curves["train_loss"], rtol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), one.final.params, other.final.params)


def test_arms_share_initial_weights_and_the_order_of_images() -> None:
    (plain, _), (learned, _) = (make_trainer(f"pool={pool}") for pool in ("max", "gated"))
    one, other = plain.initialise(5).params, learned.initialise(5).params
    for name in ("conv1", "conv2", "conv3", "head"):
        jax.tree.map(np.testing.assert_array_equal, one[name], other[name])
    assert digest(plain.config) != digest(learned.config)


@pytest.mark.long
def test_bfloat16_trains(results: Path) -> None:
    (record,) = run_config(configure(results, "train.precision=bfloat16", "train.steps=60"), Silent())
    assert record.status == "done"
    assert record.scalars["test_accuracy"] > 0.3


@pytest.mark.long
def test_several_devices_share_a_batch_and_agree_with_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "poolscope", "train", *QUICK, "train.steps=12", f"results={tmp_path}"]
    flags = with_cpu_devices(4)
    for count in (1, 4):
        subprocess.run(
            [*command, f"train.devices={count}", f"study=on{count}"], env=flags, check=True, capture_output=True
        )
    one, four = (read_record(next(tmp_path.glob(f"runs/on{count}/*/seed-0.json"))) for count in (1, 4))
    assert one.provenance["devices"] == four.provenance["devices"] == 4
    np.testing.assert_allclose(one.curves["val_loss"], four.curves["val_loss"], rtol=1e-3)
    assert one.curves["val_loss"]
    assert one.digest == four.digest


def test_a_batch_that_can_t_be_shared_or_filled_is_refused() -> None:
    with pytest.raises(PoolscopeError, match=r"train.batch_size .* 1200, not 2000"):
        make_trainer("train.batch_size=2000")
    with pytest.raises(PoolscopeError, match=r"train.devices must be at most .* not 4096"):
        make_trainer("train.devices=4096")
