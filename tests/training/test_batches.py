"""Images read from disk in batches: the batches of the order, and the records and weights of the way through memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_folders import write_digits
from processes import run_command

from poolscope.data import datasets
from poolscope.data.splits import Split
from poolscope.store.record import read_record
from poolscope.training.batches import read_batches

pytest.importorskip("grain")


@pytest.mark.parametrize(("size", "first"), [(4, 0), (4, 2), (3, 1), (11, 0)])
def test_batches_are_cut_from_the_order_and_its_rest_is_left_out(size: int, first: int) -> None:
    images = np.arange(11, dtype=np.uint8)[:, None, None, None]
    order = np.random.default_rng(0).permutation(11)
    found = list(read_batches(Split(images, np.arange(11)), order, size, first))
    assert len(found) == 11 // size - first
    for number, (batch, labels) in enumerate(found, start=first):
        expected = order[number * size : (number + 1) * size]
        np.testing.assert_array_equal(batch.ravel(), expected)
        np.testing.assert_array_equal(labels, expected)


def read_all(results: Path) -> dict[str, Any]:
    """Every record but for times, versions and when it was written."""
    content = {}
    for path in sorted(results.rglob("seed-*.json")):
        record = vars(read_record(path))
        scalars = {k: v for k, v in record["scalars"].items() if k not in ("seconds_train", "images_per_second")}
        content[f"{path.parent.name} {path.name}"] = record | {"scalars": scalars, "provenance": {}}
    return content


HARD = (
    *(
        "pool=stochastic",
        "train.epochs=2",
        "train.batch_size=32",
        "model.width=2",
        "model.blocks=2",
        "model.pool_stages=1",
        "model.norm=batch",
    ),
    *("train.shift=1", "data.pad_to=16", "data.train_size=90", "data.label_noise=0.2", "data.train_eval_size=20"),
)


def test_the_record_is_that_of_images_in_memory_bit_by_bit(tmp_path: Path) -> None:
    """Of one's own files: padded, a balanced subset, wrong labels, augmentation, random pooling, two seeds."""
    write_digits(tmp_path / "digits", dict.fromkeys(range(3), 60))
    words = ["data=folder", f"data.path={tmp_path / 'digits'}", "data.shape=[12,14,1]", "seeds=[0,3]", *HARD]
    for memory in ("all", "batch"):
        status, _, errors = run_command("train", *words, f"data.memory={memory}", f"results={tmp_path / memory}")
        assert status == 0, errors
    one, other = read_all(tmp_path / "all"), read_all(tmp_path / "batch")
    assert len(one) == 2 and json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train.loop=scan"], "train.loop=scan needs all images in memory; leave it out with data.memory=batch"),
        (["train.seeds_at_once=2"], "train.seeds_at_once=2 needs all images in memory"),
        (["data.memory=some"], "data.memory must be null or one of all, batch"),
    ],
)
def test_what_needs_all_images_is_refused(words: list[str], sentence: str) -> None:
    status, _, errors = run_command("train", "data=digits", "pool=max", "data.memory=batch", *words)
    assert status == 2 and sentence in errors


def test_without_grain_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "find_spec", lambda name: None)
    status, _, errors = run_command("train", "data=digits", "pool=max", "data.memory=batch")
    assert status == 2 and "data.memory=batch needs a package that is not installed" in errors and "[grain]" in errors


@pytest.mark.long
def test_reading_batches_imports_no_tensorflow() -> None:
    program = "import sys, grain; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"tensorflow", "torch"}.isdisjoint(loaded)


PEAK = """
import sys
from poolscope.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print(*[line for line in open("/proc/self/status") if line.startswith("VmHWM")])
    raise
"""


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system doesn't count so")
def test_a_process_needs_memory_for_batches_and_not_for_the_set(tmp_path: Path) -> None:
    """201 MB of images: what a process needs at most, by the kernel's count, in memory and in batches."""
    images = np.random.default_rng(0).integers(0, 256, (4096, 128, 128, 3), np.uint8)
    size = images.nbytes
    np.savez(tmp_path / "large.npz", images=images, labels=np.arange(len(images)) % 2)
    del images
    small = (
        "pool=max pool.window=8 train.steps=3 train.eval_batch_size=50 model.width=2 model.blocks=1 model.pool_stages=1"
    )
    peaks = {}
    for memory in ("batch", "all"):
        words = f"train data=npz data.path={tmp_path}/large.npz {small} data.train_eval_size=50 data.memory={memory}"
        command = [sys.executable, "-c", PEAK, *words.split(), f"results={tmp_path / memory}"]
        environment = {**os.environ, "POOLSCOPE_CACHE": str(tmp_path / "cache")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        peaks[memory] = int(done.stdout.split()[-2]) * 1024
    assert peaks["all"] - peaks["batch"] > size / 3, peaks  # a process alone varies by 40 MB
    one, other = read_all(tmp_path / "all"), read_all(tmp_path / "batch")
    assert json.dumps(one) == json.dumps(other)
