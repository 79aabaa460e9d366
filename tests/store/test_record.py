"""Records: written whole or not at all, read back the same, and refused where they are damaged."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import make_config, make_record

from poolscope.spec.errors import PoolscopeError
from poolscope.store.record import RunRecord, pack_bits, pack_scores, read_record, unpack_bits, write_record

RECORD = make_record(make_config(), 0)


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "made" / "d" / "seed-0.json"
    write_record(RECORD, path)
    assert read_record(path) == RECORD
    assert os.listdir(path.parent) == ["seed-0.json"]
    json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_scores_of_images_are_kept_and_records_without_any_look_as_before(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_record(RECORD, path)
    assert "image_scores" not in json.loads(path.read_text(encoding="utf-8"))
    scored = replace(RECORD, image_scores={"consistency_zero_3": pack_scores([0.5, 1.0])})
    write_record(scored, path)
    assert read_record(path) == scored
    content = json.loads(path.read_text(encoding="utf-8"))
    for wrong in ({"consistency_zero_3": 1}, "2:gP8=", None):
        content["image_scores"] = wrong
        del content["provenance"]
        content["provenance"] = {}
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(PoolscopeError, match="a field has the wrong type"):
            read_record(path)


def test_numbers_that_are_none_come_back_as_nan(tmp_path: Path) -> None:
    odd = replace(
        RECORD,
        status="diverged",
        scalars={"test_loss": math.nan, "seconds": math.inf, "epochs": 3.0},
        curves={"train_loss": [1.0, math.nan, -math.inf]},
    )
    write_record(odd, tmp_path / "r.json")
    back = read_record(tmp_path / "r.json")
    assert math.isnan(back.scalars["test_loss"])
    assert math.isnan(back.scalars["seconds"])
    assert back.scalars["epochs"] == 3.0
    assert back.curves["train_loss"][0] == 1.0
    assert all(map(math.isnan, back.curves["train_loss"][1:]))


def test_a_write_that_fails_leaves_the_old_record_and_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "seed-0.json"
    write_record(RECORD, path)
    newer = replace(RECORD, scalars={"test_accuracy": 1.0})

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for step in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(f"os.{step}", fail)
            with pytest.raises(OSError, match="No space"):
                write_record(newer, path)
        assert read_record(path) == RECORD
        assert os.listdir(tmp_path) == ["seed-0.json"]
    with pytest.raises(TypeError):
        write_record(replace(RECORD, provenance={"path": Path("x")}), path)
    assert read_record(path) == RECORD


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o007, 0o660), (0o077, 0o600)])
def test_who_may_read_a_record_is_for_the_umask_to_say(mask: int, mode: int, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "seed-0.json"
    before = os.umask(mask)
    try:
        for _ in range(2):
            write_record(RECORD, path)
            assert path.stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


def write_often(path: Path, value: float) -> None:
    for _ in range(10):
        write_record(replace(RECORD, scalars={"test_accuracy": value}), path)


def test_a_reader_never_sees_half_a_record_while_others_write_it(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.json"
    write_record(RECORD, path)
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as writers:
        jobs = [writers.submit(write_often, path, value) for value in (0.25, 0.75)]
        seen = set()
        while not all(job.done() for job in jobs):
            seen.add(read_record(path).scalars["test_accuracy"])
        for job in jobs:
            job.result()
    assert seen <= {0.25, 0.75, RECORD.scalars["test_accuracy"]}
    assert os.listdir(tmp_path) == ["seed-0.json"]


WHOLE = json.dumps({entry.name: getattr(RECORD, entry.name) for entry in fields(RunRecord)})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not valid JSON"),
        (WHOLE[:200], "not valid JSON"),
        (WHOLE + "x", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("\udcff", "not valid JSON"),
        ("[]", "lacks fields"),
        ("{}", "lacks fields"),
        (WHOLE.replace('"seed":', '"sed":'), "lacks fields"),
        (WHOLE.replace('"version": 1', '"version": 99'), "has version 99, not 1"),
        (WHOLE.replace('"status": "done"', '"status": "fine"'), "wrong type"),
        (WHOLE.replace('"seed": 0', '"seed": "0"'), "wrong type"),
        (WHOLE.replace('"scalars": {', '"scalars": [], "x": {'), "unknown ones"),
        (WHOLE.replace('"test_accuracy": ', '"test_accuracy": "much", "x": '), "wrong type"),
        (WHOLE.replace('"epoch": [', '"epoch": 3, "x": ['), "wrong type"),
    ],
)
def test_a_damaged_record_is_refused_by_name(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "seed-0.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(PoolscopeError, match=why) as refused:
        read_record(path)
    assert str(path) in str(refused.value)
    assert "delete the file" in str(refused.value)


@given(st.integers(0, len(WHOLE)))
def test_no_part_of_a_record_passes_for_a_whole_one(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.json"
    path.write_text(WHOLE[:length], encoding="utf-8")
    if length == len(WHOLE):
        assert read_record(path) == RECORD
    else:
        with pytest.raises(PoolscopeError):
            read_record(path)


@given(st.lists(st.booleans(), max_size=70))
def test_bits_come_back(bits: list[bool]) -> None:
    assert unpack_bits(pack_bits(bits)) == bits


def test_bits_are_packed_as_documented() -> None:
    assert pack_bits([True]) == "1:gA=="
    assert pack_bits([]) == "0:"
    assert pack_bits([False] * 7 + [True] + [True] * 8) == "16:Af8="


def test_a_changed_bit_is_found_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.json"
    write_record(RECORD, path)
    data = path.read_bytes()
    for place in range(0, 8 * len(data), 997):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        with suppress(PoolscopeError):
            assert read_record(path) == RECORD  # as where a bit of white space has changed


@pytest.mark.parametrize("left", ["", ":", "sha256:", "sha256:88"])
def test_a_checksum_that_lost_its_name_is_no_missing_one(left: str, tmp_path: Path) -> None:
    path = tmp_path / "seed-0.json"
    write_record(RECORD, path)
    text = path.read_text(encoding="utf-8")
    name = '"checksum":"sha256:'
    before, after = text[: text.index('","versions"')], text[text.index(name) + len(name) :]
    path.write_text(before + left + after, encoding="utf-8")
    with pytest.raises(PoolscopeError, match="checksum doesn't fit"):
        read_record(path)


def test_a_class_may_be_called_like_a_piece_of_a_checksum(tmp_path: Path) -> None:
    record = dataclasses.replace(
        RECORD, provenance={**RECORD.provenance, "labels": ["53da18cd0cd48ed99456feddb5ebc48e"]}
    )
    path = tmp_path / "seed-0.json"
    write_record(record, path)
    assert read_record(path).provenance["labels"] == ["53da18cd0cd48ed99456feddb5ebc48e"]


def test_what_is_no_file_or_too_large_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.json"
    for make in (lambda: path.symlink_to(path), lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero")):
        make()
        with pytest.raises(PoolscopeError, match=r"seed-0\.json"):
            read_record(path)
        path.unlink()
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(PoolscopeError, match="too large"):
        read_record(path)
