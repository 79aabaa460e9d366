"""What is said of a data set before the first job: shared images, absent and unequal classes; by real commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_folders import configure_own, write_folder
from PIL import Image
from processes import run_command

from poolscope.data.datasets import check_readable
from poolscope.data.inspection import check_classes, check_copies, describe_imbalance
from poolscope.data.splits import Split
from poolscope.spec.content_hash import hash_files
from poolscope.spec.errors import PoolscopeError


def part(*labels: int, first: int = 0) -> Split:
    """Images that all differ, with these labels."""
    images = (np.arange(len(labels), dtype=np.uint8) + first).reshape(-1, 1, 1, 1)
    return Split(images, np.array(labels, np.int32))


def test_a_class_that_a_part_lacks_is_refused_but_for_validation() -> None:
    full, lacking = part(0, 1, 2), part(0, 2)
    assert check_classes({"data.train": full, "data.test": full}, "abc") == []
    assert check_classes({"data.train": full, "data.val": lacking}, "abc") == ["data.val has no image of b"]
    for key in ("data.train", "data.test"):
        with pytest.raises(PoolscopeError, match=f"{key} has no image of b; give every class"):
            check_classes({key: lacking}, "abc")


def test_an_image_in_two_parts_is_refused_unless_it_is_allowed() -> None:
    parts = {"data.train": part(0, 1, 1), "data.test": part(1, 0, first=2)}
    names = {"data.train": ["x", "y", "z"], "data.test": ["p", "q"]}
    with pytest.raises(
        PoolscopeError, match=r"1 image would be in two parts .* first z of data.train and p of data.test"
    ):
        check_copies(parts, names, allowed=False)
    (note,) = check_copies(parts, names, allowed=True)
    assert note.startswith("1 image is a copy of another")
    torn = {"data.train": Split(np.zeros((2, 1, 1, 1), np.uint8), np.array([0, 1], np.int32))}
    assert check_copies(torn, {"data.train": ["x", "y"]}, allowed=False)[1] == (
        "1 image stands in two classes, first x and y"
    )


@pytest.mark.parametrize(
    ("labels", "said"),
    [([0, 1, 0, 1], False), ([0] * 7 + [1] * 5, False), ([0] * 9 + [1] * 6, True), ([0] * 3 + [1] * 2, False)],
)
def test_an_imbalance_is_said_from_half_as_many_again(labels: list[int], said: bool) -> None:
    assert bool(describe_imbalance({"data.train": part(*labels)}, (), 2)) is said


def test_copies_between_training_and_validation_are_found_too(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", {"a": 20, "b": 20})
    for number in range(20):  # the same images once more, as other files
        Image.open(folder / "a" / f"{number}.png").save(folder / "a" / f"copy{number}.bmp")
    hash_files.cache_clear()
    with pytest.raises(PoolscopeError, match=r"images would be in two parts of the data, first a/.*duplicates=drop"):
        check_readable(configure_own(folder))
    assert check_readable(configure_own(folder, duplicates="drop")) == [
        "folder: 20 copies of other images were left out."
    ]


@pytest.mark.usefixtures("undrawn")
def test_a_sweep_says_once_what_is_odd_and_refuses_before_training(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path / "cats", {"train/tom": 9, "train/kit": 6, "test/tom": 2, "test/kit": 2, "val/kit": 1}
    )
    words = ["train", "-m", "data=folder", f"data.path={folder}", "pool=max,avg", "model.width=2", "train.epochs=1"]
    words += ["train.batch_size=4", "model.pool_stages=1", "model.blocks=1", f"results={tmp_path}/results"]
    status, _, errors = run_command(*words)
    assert status == 0
    assert errors.count("unbalanced: data.train has 8 images of tom and 5 of kit") == 1
    assert errors.count("images of 'val' are in none of data.train, data.val and data.test") == 1
    assert run_command("report", "adhoc", "--results", f"{tmp_path}/results")[0] == 0
    report = (tmp_path / "results" / "adhoc" / "report.md").read_text(encoding="utf-8")
    assert "\n| class | test images | max | avg |\n" in report
    assert "\n| kit | 2 |" in report
    (folder / "test" / "kit" / "0.png").unlink()
    (folder / "test" / "kit" / "1.png").unlink()
    (folder / "test" / "kit").rmdir()
    status, _, errors = run_command(*words)
    assert (status, "data.test has no image of kit" in errors) == (2, True)
