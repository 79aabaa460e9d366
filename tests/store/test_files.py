"""Files are written whole or not at all, through no link; CSV is read back as it was written, or refused."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from poolscope.benchmarks.bench import note_machine
from poolscope.benchmarks.rounds import Pace
from poolscope.reports.figures.files import save_figure, save_pdf
from poolscope.spec.errors import PoolscopeError
from poolscope.store.environment import publish_environment, write_environment
from poolscope.store.files import check_writable, open_whole, read_csv, write_csv, write_text
from poolscope.store.sweep import write_sweep


def _publish(folder: Path) -> None:
    write_environment(folder, "made")
    publish_environment(folder, "made")


WRITERS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {  # what writes, and the files it leaves
    "text": (lambda folder: write_text("new", folder / "a.txt"), ("a.txt",)),
    "csv": (lambda folder: write_csv(["a"], [{"a": 1}], folder / "a.csv"), ("a.csv",)),
    "figure": (lambda folder: save_figure(Figure(), folder, "a"), ("a.svg", "a.png")),
    "pdf": (lambda folder: save_pdf(Figure(), folder, "a"), ("a.pdf",)),
    "environment": (_publish, ("runs/made/environment.json", "made/tables/environment.json")),
    "sweep": (lambda folder: write_sweep(folder, "made", [], "poolscope train"), ("runs/made/sweep.json",)),
    "machine": (lambda folder: note_machine("pools", folder, Pace(1, 1.0)), ("machine.json",)),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_link_is_replaced_and_its_target_left_alone(kind: str, tmp_path: Path) -> None:
    write, names = WRITERS[kind]
    for name in names:
        target = tmp_path / "elsewhere" / name.replace("/", "-")
        target.parent.mkdir(exist_ok=True)
        target.write_text("{}")
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(target)
    write(tmp_path)
    for name in names:
        assert not (tmp_path / name).is_symlink() and (tmp_path / name).read_bytes() != b"{}"
    assert {path.read_text() for path in (tmp_path / "elsewhere").iterdir()} == {"{}"}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_leaves_the_old_file_whole_and_no_other(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, names = WRITERS[kind]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")

    def fail(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left") as refused:
        write(tmp_path)
    assert refused.value.filename.endswith(names[0])
    kept = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == set(names) and {(tmp_path / name).read_text() for name in names} == {"{}"}


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("file", "is no folder"),
        ("file/below/deep", "is no folder"),
        ("closed", "Permission denied"),
        ("closed/below/deep", "Permission denied"),
        ("a" * 300, "can't be made (File name too long)"),
        ("new/below", None),
        (".", None),
    ],
)
def test_a_folder_is_known_to_be_writable_without_making_it(
    folder: str, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "closed")  # root may write anywhere
    if reason is None:
        check_writable(tmp_path / folder)
    else:
        with pytest.raises(PoolscopeError, match=re.escape(reason)):
            check_writable(tmp_path / folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["closed", "file"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with open_whole(tmp_path / "a") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_texts_come_back_from_csv(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.getbasetemp() / "texts.csv"
    kept = [{"a": a, "b": b} for a, b in rows]
    write_csv(["a", "b"], kept, path)
    assert read_csv(path, ["b"]) == kept


def test_an_absent_file_has_no_rows(tmp_path: Path) -> None:
    assert read_csv(tmp_path / "none.csv", ["a"]) == []


@pytest.mark.parametrize("text", ["\ufeffa,b\n1,2\n", "a,b\r\n1,2\r\n", 'a,"b"\n1,2\n'])
def test_what_spreadsheets_write_is_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    assert read_csv(path, ["a"]) == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not CSV"),
        (b'a,"b\n1,2\n', "not CSV"),
        ("a,b\n1,2\n".encode("utf-16"), "not UTF-8"),
        (b"a,b\n1,2\xff\n", "not UTF-8"),
        (b"a;b\n1;2\n", "lacks the column a (its cells are separated by ';', not by commas)"),
        (b"a\tb\n1\t2\n", r"lacks the column a (its cells are separated by '\t', not by commas)"),
        (b"b\n1\n", "lacks the column a"),
        (b"a,b,b\n1,2,3\n", "has the column 'b' twice"),
        (b"a,\n1,2\n", "without a name"),
        (b"a,b\n1,2\n1,2,3\n", "row 3 has 3 cells, its header 2"),
        (b"a,b\n1,2\n1\n", "row 3 has 1 cells, its header 2"),
        (b"a,b\n1,2\n3,4", "ends early, in row 3"),
        (b"<<<<<<< HEAD\na,b\n1,2\n", "lacks the column a"),
    ],
)
def test_a_damaged_table_is_refused_with_its_cause(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(PoolscopeError) as refused:
        read_csv(path, ["a"])
    assert why in str(refused.value) and str(path) in str(refused.value) and "restore it from git" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
