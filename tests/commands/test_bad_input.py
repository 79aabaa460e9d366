"""Every bad request gets one sentence that names the key and the value, status 2, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from poolscope.cli import main

REFUSED = {
    "pool.windw=2": "windw",
    "pool=maxx": "max",
    "optim.learning_rate=abc": "optim.learning_rate",
    "optim.learning_rate=null": "optim.learning_rate",
    "pool.name=nosuch": "nosuch",
    "pool.p=3": "got p",
    "pool.window=9": "stage 1",
    "model.pool_stages=3 model.blocks=3 pool.window=3": "stage 2",
    "pool.stride=0": "pool.stride",
    "model.width=-3": "model.width",
    "seeds=[]": "seeds",
    "seeds=[1,1]": "seeds",
    "seeds=[-1]": "seeds",
    "data.train_size=5000": "data.train_size",
    "train.batch_size=5000": "train.batch_size",
    "pool.padding=FULL": "pool.padding",
    "model.pool_after=[7]": "model.pool_after",
    "model.head=none": "model.head",
    "data.label_noise=2": "data.label_noise",
    "experiment=nosuch": "experiment",
    "pool=max,avg": "-m",
    "data=tfds": "data.name",
    "study=../up": "study",
}


def refuse(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    said = capsys.readouterr().err.strip()
    assert stopped.value.code == 2
    assert said.startswith("poolscope: ")
    assert len(said.splitlines()) == 1, said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(("line", "named"), REFUSED.items())
def test_a_bad_request_is_refused_by_name(
    line: str, named: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in refuse(capsys, "train", *line.split(), f"results={results}")
    assert not list(results.rglob("seed-*.json"))


def test_one_bad_job_stops_a_sweep_before_the_first_one(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "pool.window=9" in refuse(capsys, "train", "-m", "pool.window=2,9", f"results={results}")
    assert not list(results.rglob("seed-*.json"))


def test_a_folder_that_can_t_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert "results=" in refuse(capsys, "train", f"results={tmp_path / 'file'}")


def test_a_study_that_another_sweep_is_writing(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = results / "runs" / "mine"
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"):
        assert "study=mine" in refuse(capsys, "train", "study=mine", f"results={results}")


def test_a_damaged_record_is_named_and_kept(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["train", "train.steps=2", "model.width=2", f"results={results}"]
    with pytest.raises(SystemExit) as done:
        main(quick)
    assert done.value.code == 0
    (path,) = results.rglob("seed-0.json")
    path.write_text(path.read_text()[:100])
    capsys.readouterr()
    assert path.name in refuse(capsys, *quick)
    assert len(path.read_text()) == 100


@pytest.mark.parametrize(
    "words", [["trian"], ["report", "nosuch"], ["apply", "--matrix", "1 2 / 3"], ["list", "nosuch"]]
)
def test_other_commands_refuse_in_one_sentence_too(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert words[-1].split()[0] in refuse(capsys, *words) or words[0] == "apply"


def test_the_tutorial_s_numbers_are_printed_by_real_commands() -> None:
    def run(*words: str) -> str:
        command = [sys.executable, "-m", "poolscope", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    applied = [line.split() for line in run("apply", "pool=max,avg").splitlines()]
    for row in (["6", "8"], ["14", "16"], ["3.75", "5.25"], ["11.5", "13.5"]):
        assert row in applied
    shown = run("show", "model=tutorial", "data=synthetic", "data.shape=[64,64,3]")
    for part in ("(62, 62, 32)", "(31, 31, 32)", "896"):
        assert part in shown
