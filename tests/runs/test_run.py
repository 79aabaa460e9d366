"""A configuration from end to end: records, what is skipped, retried and kept, the same bits from another process."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import configure

from poolscope.data.datasets import load_dataset
from poolscope.runs import run
from poolscope.runs.run import run_config
from poolscope.spec.config import RunConfig, digest
from poolscope.spec.paths import record_path
from poolscope.statistics.images import read_scores
from poolscope.store.record import RunRecord, read_record, unpack_bits
from poolscope.training.trainer import Trainer

OVERRIDES = ["pool.name=mixed", "model.dropout=0.2", "train.shift=1", "train.eval_batch_size=90"]
TIMES = ("seconds_train", "images_per_second")


class Told:
    """A progress display that remembers."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.advanced: list[int] = []
        self.ended: list[tuple[int, str]] = []

    def begin(self, config: RunConfig, seed: int, steps: int) -> None:
        self.begun.append(seed)

    def advance(self, step: int, values: dict[str, float]) -> None:
        self.advanced.append(step)

    def end(self, config: RunConfig, record: RunRecord) -> None:
        self.ended.append((record.seed, record.status))

    def notify(self, sentence: str) -> None:
        raise AssertionError(sentence)


def perform(results: Path, seeds: list[int], *overrides: str) -> tuple[RunConfig, list[RunRecord], Told]:
    config = configure(*OVERRIDES, *overrides)
    config.seeds, config.study, config.results = seeds, "trial", str(results)
    told = Told()
    return config, run_config(config, told), told


def comparable(record: RunRecord) -> dict[str, Any]:
    """A record without what differs between runs of the same thing: times and where it ran."""
    content = dataclasses.asdict(record)
    del content["provenance"]
    content["scalars"] = {name: value for name, value in content["scalars"].items() if name not in TIMES}
    return content


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunConfig, list[RunRecord], Told]:
    results = tmp_path_factory.mktemp("results")
    return (results, *perform(results, [3, 1]))


def test_a_record_says_what_happened(done: tuple[Path, RunConfig, list[RunRecord], Told]) -> None:
    results, config, records, told = done
    assert (told.begun, told.ended) == ([3, 1], [(3, "done"), (1, "done")])
    assert told.advanced == [5, 10] * 2
    for seed, record in zip((3, 1), records, strict=True):
        path = record_path(results, "trial", digest(config), seed)
        assert read_record(path) == record
        assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".")] == []
        scalars, confusion = record.scalars, np.array(record.confusion)
        labels = load_dataset(config.data, seed).test.labels
        np.testing.assert_array_equal(confusion.sum(1), np.bincount(labels, minlength=4))
        right = unpack_bits(record.test_correct)
        assert len(right) == confusion.sum() == scalars["test_size"] == 200
        assert np.trace(confusion) == sum(right) == round(200 * scalars["test_accuracy"])
        by_class = np.bincount(labels[right], minlength=4)
        np.testing.assert_array_equal(np.diag(confusion), by_class)  # the bits are in the test images' order
        assert scalars["generalisation_gap"] == scalars["train_eval_accuracy"] - scalars["test_accuracy"]
        assert scalars["loss_gap"] == scalars["test_loss"] - scalars["train_eval_loss"]
        assert scalars["overfit_depth"] == scalars["test_loss"] - scalars["test_loss_best"]
        assert [scalars[f"val_{name}"] for name in ("loss", "accuracy")] == [
            record.curves[f"val_{name}"][-1] for name in ("loss", "accuracy")
        ]
        assert record.curves["step"] == [5, 10] and scalars["steps"] == 10 and scalars["epochs"] == 2
        assert all(map(math.isfinite, scalars.values()))
        assert record.config["pool"]["name"] == "mixed" and not {"seeds", "study", "results"} & set(record.config)
        assert record.provenance["versions"]["jax"] and "500 training" in record.provenance["data"]


def test_feature_maps_are_kept_for_every_seed(done: tuple[Path, RunConfig, list[RunRecord], Told]) -> None:
    _, config, (first, second), _ = done
    assert second.feature_maps["stages"] and second.feature_maps != first.feature_maps
    test = load_dataset(config.data, 3).test
    np.testing.assert_allclose(first.feature_maps["image"], test.images[0, :, :, 0] / 255, atol=6e-4)
    (stage,) = first.feature_maps["stages"]
    before, after = np.array(stage["before"]), np.array(stage["after"])
    assert stage["stage"] == 1 and before.shape == (2, 8, 8) and after.shape == (2, 4, 4)
    blocks = before.reshape(2, 4, 2, 4, 2).transpose(0, 1, 3, 2, 4).reshape(2, 4, 4, 4)
    assert (after <= blocks.max(-1) + 2e-3).all() and (after >= blocks.mean(-1) - 2e-3).all()


def test_what_is_recorded_is_not_trained_again(
    done: tuple[Path, RunConfig, list[RunRecord], Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    results, _, records, _ = done

    def refuse(*given: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(Trainer, "fit", refuse)
    _, again, told = perform(results, [3, 1])
    assert again == records
    assert (told.begun, told.ended) == ([], [(3, "done"), (1, "done")])


@pytest.mark.long
def test_another_process_computes_the_same_bits(
    done: tuple[Path, RunConfig, list[RunRecord], Told], tmp_path: Path
) -> None:
    """With a cache of its own, so that it compiles its own programs; adding a seed trains only that one."""
    _, _, (third, first), _ = done
    assert comparable(first)["curves"] != comparable(third)["curves"]
    script = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[3:]; from test_run import perform; "
        "perform(Path(sys.argv[2]), [1]); print(perform(Path(sys.argv[2]), [0, 1])[2].begun)"
    )
    own = {"POOLSCOPE_CACHE": str(tmp_path / "cache"), "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled")}
    environment = {**os.environ, **own}
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]
    command = [sys.executable, "-c", script, "-", str(tmp_path / "results"), *folders]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == "[0]"
    paths = {path.stem: path for path in (tmp_path / "results").rglob("seed-*.json")}
    assert set(paths) == {"seed-0", "seed-1"}
    found = comparable(read_record(paths["seed-1"]))  # there it is the first seed of the list, here the last
    assert found["feature_maps"] and json.dumps(found) == json.dumps(comparable(first))


def test_a_seed_that_fails_says_why_and_the_others_go_on(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(config: Any, seed: int) -> Any:
        if seed == 1:
            raise OSError("the disk\nis gone")
        return load_dataset(config, seed)

    with monkeypatch.context() as broken:
        broken.setattr(run, "load_dataset", load)
        config, records, told = perform(results, [0, 1, 2], "train.epochs=1")
    assert told.ended == [(0, "done"), (1, "failed"), (2, "done")]
    assert records[1].reason == "OSError: the disk is gone" and records[1].scalars == {}
    assert read_record(record_path(results, "trial", digest(config), 1)) == records[1]
    _, mended, told = perform(results, [0, 1, 2], "train.epochs=1")
    assert told.begun == [1] and [record.status for record in mended] == ["done"] * 3
    assert mended[0] == records[0] and mended[1].scalars["test_accuracy"] >= 0


def test_a_run_that_diverges_is_recorded_as_that(results: Path) -> None:
    overrides = ["optim.learning_rate=1e9", "model.blocks=3", "model.pool_stages=2", "train.epochs=6"]
    config, (record,), _ = perform(results, [0], *overrides)
    assert record.status == "diverged" and "is not finite" in record.reason
    assert record.scalars == {} and record.test_correct == "" and record.confusion == []
    read = read_record(record_path(results, "trial", digest(config), 0))
    assert [len(values) for values in read.curves.values()] == [len(record.curves["step"])] * len(read.curves)
    assert perform(results, [0], *overrides)[2].begun == []  # trying it again would change nothing


def test_subsets_and_sizes_reach_the_record(results: Path) -> None:
    overrides = ["data.train_size=42", "train.batch_size=20", "train.epochs=3", "data.label_noise=0.5"]
    config, (record,), _ = perform(results, [7], *overrides)
    dataset = load_dataset(config.data, 7)
    counts = np.bincount(dataset.train.labels[~dataset.corrupted], minlength=4)
    assert record.scalars["train_size"] == len(dataset.train.labels) == 42 and counts.sum() == 21
    assert record.scalars["steps"] == 6 and record.scalars["epochs"] == 3
    assert "21 training labels moved" in record.provenance["data"]


@pytest.mark.long
def test_real_digits_are_learned(results: Path) -> None:
    config = configure(
        "pool.name=max", "train.epochs=8", "train.batch_size=50", "optim.learning_rate=0.1", data="digits"
    )
    config.model.width, config.results = 12, str(results)
    (record,) = run_config(config, Told())
    assert record.scalars["test_accuracy"] > 0.95 and record.scalars["test_size"] == 360
    assert record.curves["val_accuracy"][-1] > record.curves["val_accuracy"][0]


def test_as_many_test_images_are_corrupted_as_the_configuration_says(tmp_path: Path) -> None:
    _, (record,), _ = perform(tmp_path, [0], "measure.name=robust", "measure.images=20")
    assert record.config["measure"] == {"name": "robust", "images": 20}
    correct = 20 * record.scalars["accuracy_uncorrupted"]
    assert correct == pytest.approx(round(correct), abs=1e-9)
    assert set(record.image_scores) == {"consistency_zero_3", "accuracy_corrupted"}
    for column, text in record.image_scores.items():
        scores = read_scores([text])
        assert scores.shape == (1, 20)
        assert scores.mean() == pytest.approx(record.scalars[column], abs=0.5 / 255)
    scalars = record.scalars
    assert scalars["accuracy_corrupted"] == pytest.approx(
        scalars["relative_accuracy"] * scalars["accuracy_uncorrupted"]
    )
