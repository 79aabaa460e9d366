"""Hostile input is taken or refused in one sentence: hundreds drawn at random, and every failure ever found."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from hostile import KINDS, try_input

from poolscope.data.cache import read_cached
from poolscope.data.splits import Split
from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError

_BOMB = ["a0: &a0 [x]", *(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))]


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        *((kind, 5) for kind in KINDS),
        *(pytest.param(kind, 300, marks=pytest.mark.long) for kind in KINDS),
    ],
)
def test_random_hostile_input_is_taken_or_refused(kind: str, count: int, tmp_path: Path) -> None:
    draw = random.Random(f"tests {kind} {count}")
    outcomes = {try_input(kind, draw, tmp_path) for _ in range(count)}
    wanted = {"taken"} if kind == "checkpoint" else {"taken", "refused"}
    assert outcomes == wanted or (
        count < 300 and outcomes == {"refused"} <= wanted
    )  # damage that changes nothing is rare


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["~measure=true"], "~measure=true"),
        (["+experiment=true"], "experiment must be one of compare, "),
        (["data=" + "a" * 5000, "~study={}"], "can't be composed: [Errno 36] File name too long"),
        (["study=" + "1" * 4400], "study must be a name"),
        (["hydra/job_logging=${hydra:job.num}"], "Error resolving interpolation '${hydra:job.num}'"),
        (["model.kernel=${hydra:job.num}"], "model.kernel: a reference in it can't be resolved: HydraConfig was not"),
        (["++train.devices=${oc.decode:'['}"], "train.devices"),
        (["seeds=[" + "1" * 4400 + "]"], "seeds"),
        (["arm=" + "a" * 5000], "arm"),
        (["optim=" + "1" * 4400], "optim"),
        (["hydra.sweeper.params.pool='max,,'", "hydra.mode=MULTIRUN"], "hydra.sweeper.params.pool"),
        (["seeds=range(0,3000000000)"], "seeds alone takes 3e+09 values"),
        (["model.width=range(1,200)", "model.blocks=range(1,200)"], "This makes 3.96e+04 jobs"),
        (["model.width=range(1,5,0)"], "model.width"),
    ],
)
def test_what_hydra_answers_with_other_exceptions(words: list[str], said: str) -> None:
    with pytest.raises(PoolscopeError, match=re.escape(said)) as refused:
        compose_runs(words, True)
    assert len(str(refused.value).splitlines()) == 1
    assert not re.search(r"\w(Error|Exception)\b|mismatched input|_dummy_", str(refused.value))


@pytest.mark.parametrize(
    "text",
    [
        "# @package _global_\nrates:\n" + "".join(f"  {line}\n" for line in _BOMB),
        "a: &a [*a]",
        "[" * 3000,
        "a: 1\n" * 3 * 10**5,
    ],
)
def test_files_that_would_take_for_ever(text: str, tmp_path: Path) -> None:
    path = tmp_path / "experiment" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(PoolscopeError, match=r"mine\.yaml"):
        compose_runs(["experiment=mine"], True, str(tmp_path))


def test_files_of_one_s_own_are_still_read(tmp_path: Path) -> None:
    path = tmp_path / "experiment" / "mine.yaml"
    path.parent.mkdir()
    path.write_text("# @package _global_\ndefaults:\n  - override /pool: avg\nmodel: &m {width: 5}\n")
    (config,) = compose_runs(["experiment=mine"], True, str(tmp_path)).configs
    assert (config.pool.name, config.model.width) == ("avg", 5)


SPLIT = Split(np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1), np.arange(3, dtype=np.int32))


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("labels", b"<i4", b"|S4"),
        ("labels", b"<i4", b">i4"),
        ("images", b"(3, 4, 4, 1)", b"(3, 8, 2, 1)"),
        ("images", b"(3, 4, 4, 1), }", b"((3, 4, 4, 1), "),
        ("images", b"|u1", b"|O1"),
    ],
)
def test_a_cache_of_another_form_is_refused(
    part: str, old: bytes, new: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOLSCOPE_CACHE", str(tmp_path))
    read_cached("set/train", lambda: SPLIT)
    path = tmp_path / "set" / f"train.{part}.npy"
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(PoolscopeError, match="is damaged; delete"):
        read_cached("set/train", lambda: SPLIT)
