"""The keys of one's own data: which go together, and what they leave in digests and records."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_folders import write_folder
from made_records import make_config

from poolscope.spec.compose import compose_runs
from poolscope.spec.config import RunConfig, digest, to_record
from poolscope.spec.data import OWN_KEYS
from poolscope.spec.errors import PoolscopeError


def compose(*words: str) -> RunConfig:
    (config,) = compose_runs(["pool=max", *words]).configs
    return config


def test_other_sets_records_have_no_key_of_one_s_own_files() -> None:
    assert not set(to_record(make_config())["data"]) & set(OWN_KEYS)


def test_the_digest_follows_the_files_and_not_their_place(tmp_path: Path) -> None:
    for place in ("here", "there"):
        write_folder(tmp_path / place / "cats", {"a": 2, "b": 2})
    here, there = (compose("data=folder", f"data.path={tmp_path}/{place}/cats") for place in ("here", "there"))
    assert here.data.name == "cats"
    assert here.data.content and digest(here) == digest(there)
    (tmp_path / "there" / "cats" / "a" / "0.png").unlink()
    assert digest(compose("data=folder", f"data.path={tmp_path}/there/cats")) != digest(here)
    assert digest(compose("data=folder", f"data.path={tmp_path}/here/cats", "data.fit=pad")) != digest(here)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("data=folder", r"data.path is not set; give the folder of images, as in data=folder data.path=\.\.\."),
        ("data=npz", r"data.path is not set; give the .npz file"),
        ("data=folder data.path=nowhere", "data.path=nowhere: there is no such folder of images"),
        ("data=npz data.path=nowhere.npz", "data.path=nowhere.npz: there is no such .npz file"),
        ("data=digits data.path=x", "data.path goes with data=folder and data=npz only"),
        ("data=mnist data.duplicates=keep", "data.duplicates goes with data=folder and data=npz only"),
        ("data=digits data.fit=crop", "data.fit and data.background don't go with data=digits"),
        ("data=npz data.path=x.npz data.files=a.csv", "data.files goes with data=folder only"),
        ("data=folder data.path=. data.shape=[8,8,4]", r"data.shape must end with 1 \(grey\) or 3 \(colour\)"),
        (
            "data=folder data.path=. data.test_fraction=1.5",
            "data.test_fraction must be null or a number above 0 and below",
        ),
        ("data=folder data.path=. data.fit=zoom", "data.fit must be null or one of crop, pad, stretch, not 'zoom'"),
        ("data=folder data.path=. data.name=a$b", "data.name must be of letters, digits"),
    ],
)
def test_keys_that_don_t_fit_are_refused(words: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(PoolscopeError, match=sentence):
        compose(*words.split())
