"""Names of studies: what every command that takes one refuses, and the folders of those that are taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import RESERVED, check_study, is_study, record_path, runs_folder, shipped, study_folder

BAD = ["", ".", "..", "a/b", "../up", "/abs", "a b", "-a", ".a", "a\n", "é", "a" * 101, "[/x]", "a\0", *RESERVED, "All"]


@pytest.mark.parametrize("name", ["a", "pool_type", "A-1.b", "x" * 100, "all-of-it", "runs2"])
def test_names_that_a_folder_can_have_are_taken(name: str) -> None:
    check_study(name)
    assert is_study(name)


@pytest.mark.parametrize(
    "use", [check_study, lambda name: study_folder("r", name), lambda name: runs_folder("r", name)]
)
def test_paths_and_reserved_names_are_refused(use: Callable[[str], object]) -> None:
    for name in BAD:
        assert not is_study(name)
        with pytest.raises(PoolscopeError, match="study must be a name of at most 100 letters"):
            use(name)


def test_folders() -> None:
    assert record_path("r", "s", "0123456789ab", 7) == Path("r/runs/s/0123456789ab/seed-7.json")
    assert record_path("r", "s", "d", 7).parent.parent == runs_folder("r", "s")
    assert study_folder("r", "s") == Path("r/s")
    assert (shipped("configs") / "train.yaml").is_file()
    assert (shipped("experiments") / "pool_type" / "README.md").is_file()
