"""Sweeps on Slurm: arrays within a site's limit, refusals in a sentence, time limits, a GPU for each job.

The quick tests put programs of Slurm's names in the path. The long ones start a Slurm of this machine, where its
packages are installed and it may be started; they take minutes, in which a job is queued again, but little computing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from processes import run_command

from poolscope.commands.slurm import largest_array, read_settings
from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError
from poolscope.store.record import read_record

ROOT = Path(__file__).resolve().parents[2]
SWEEP = ("-m", "pool=max,avg,min", "data=digits", "train.steps=2", "model.width=2", "study=mine")
PROGRAMS = {
    "scontrol": "echo 'MaxArraySize            = 1001'; echo 'AccountingStorageType = accounting_storage/none'",
    "squeue": "true",
    "srun": "true",
    "sbatch": "echo 'Submitted batch job 7'",
}


def put_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> None:
    for name, script in (PROGRAMS | programs).items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("programs", "words", "sentence"),
    [
        ({"scontrol": "echo 'scontrol: error: no route to host' >&2; exit 1"}, [], "Slurm doesn't answer .*no route"),
        (
            {"sbatch": "echo 'sbatch: error: Invalid account or account/partition combination' >&2; exit 1"},
            ["hydra.launcher.account=nobody"],
            "Slurm refuses the jobs: .*Invalid account.*hydra.launcher.partition, account",
        ),
        ({}, ["+hydra.launcher.nodez=1"], "hydra.launcher has a key that Slurm's jobs don't take: .*nodez"),
        ({"squeue": 'echo "12|$PWD/results/runs/mine"'}, [], "still has jobs of this study, 12; .* scancel 12"),
    ],
)
def test_what_slurm_refuses_is_one_sentence(
    programs: dict[str, str], words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    put_in_path(tmp_path, monkeypatch, **programs)
    monkeypatch.chdir(tmp_path)
    status, _, errors = run_command("train", *SWEEP, "hydra/launcher=slurm", *words)
    assert status == 2 and re.search(sentence, errors.splitlines()[-1]), errors
    assert "Traceback" not in errors


def test_without_slurm_the_sentence_names_what_works_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PoolscopeError, match=r"no Slurm on this machine \(scontrol .*hydra/launcher=local"):
        read_settings()


def test_arrays_are_as_large_as_the_site_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_path(tmp_path, monkeypatch)
    settings = read_settings()
    assert settings["AccountingStorageType"] == "accounting_storage/none"
    assert [largest_array(given) for given in (settings, {"MaxArraySize": "0"}, {})] == [1001, 1, 1001]


def test_a_site_s_own_file_is_a_slurm_launcher_by_any_name(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    path = tmp_path / "hydra" / "launcher" / "mysite.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("defaults: [slurm_gpu]\npartition: long\naccount: p42\n")
    composed = compose_runs([*SWEEP[1:], "hydra/launcher=mysite"], True, str(tmp_path))
    assert composed.launcher == "slurm" and composed.workers is None


# The rest needs a real one.

BIG = ("data=digits", "pool=max,avg", "train.epochs=300", "model.width=8", "seeds=[3]", "train.checkpoint_every=1000")


def on_slurm(script: str, folder: Path, **settings: int) -> str:
    """What a shell script prints beside a Slurm of this machine, in an empty folder; $RUN is `poolscope train -m`."""
    pytest.importorskip("submitit")
    needed = ("slurmctld", "slurmd", "munged", "sbatch", "runuser")
    if os.getuid() or not all(shutil.which(program) for program in needed):
        pytest.skip("needs root and Debian's slurmctld, slurmd, slurm-client and munge")
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        **{name: str(value) for name, value in settings.items()},
        "PYTHONPATH": str(ROOT / "src"),
    }
    environment["RUN"] = f"{sys.executable} -m poolscope train -m"
    command = [ROOT / "scripts" / "local_slurm.sh", "sh", "-euc", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    if "no node came up" in done.stderr:
        pytest.skip(f"Slurm doesn't start here: {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def read_results(folder: Path) -> dict[str, object]:
    """Digest and content of each record, but for times and provenance."""
    found = {}
    for path in sorted(folder.rglob("seed-*.json")):
        content = vars(read_record(path)) | {"provenance": None}
        content["scalars"] = {
            k: v for k, v in content["scalars"].items() if k not in ("seconds_train", "images_per_second")
        }
        found[path.parent.name + path.name] = content
    return found


@pytest.mark.long
def test_jobs_out_of_time_lose_nothing_and_end_as_if_they_had_not_been_stopped(tmp_path: Path) -> None:
    """Slurm warns 40 seconds before a limit of a minute; between two epochs nothing but that keeps a checkpoint."""
    words = " ".join((*BIG, "hydra/launcher=slurm", "hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=40"))
    waiting = "squeue --array --noheader --states=PENDING --format=%i"
    again = f"for job in $({waiting}); do scontrol update jobid=$job StartTime=now || true; done"
    said = on_slurm(
        f"$RUN {words} hydra.launcher.mem_gb=1 study=limit & waiting=$!\n"
        f"while kill -0 $waiting 2>/dev/null; do sleep 5; {again}; done; wait $waiting",
        tmp_path,
        NODES=2,
        CPUS=1,
        KILL_WAIT=5,
    )
    assert "2 of 2 runs done" in said
    logs = "".join(path.read_text() for path in tmp_path.rglob("*_log.err"))
    assert "Requeued job" in logs and "Training goes on from epoch" in logs
    assert not list(tmp_path.rglob(".seed-*"))
    status, _, errors = run_command("train", "-m", *BIG, f"results={tmp_path / 'whole'}", "study=limit")
    assert status == 0, errors
    one, other = read_results(tmp_path / "results"), read_results(tmp_path / "whole")
    assert json.dumps(one, default=str) == json.dumps(other, default=str) and len(one) == 2


@pytest.mark.long
def test_arrays_beyond_the_limit_are_submitted_in_parts_and_each_job_has_a_gpu_of_its_own(tmp_path: Path) -> None:
    small = "data=digits pool=max,avg,min,lp,soft train.steps=2 model.width=2 study=many hydra.launcher.mem_gb=1"
    setup = '\'hydra.launcher.setup=["echo $SLURMD_NODENAME gpu $CUDA_VISIBLE_DEVICES >> $PWD/devices", "sleep 6"]\''
    gpus = f"hydra/launcher=slurm_gpu hydra.launcher.cpus_per_task=1 {setup}"
    said = on_slurm(
        f"$RUN {small} {gpus}; $RUN {small} hydra/launcher=slurm",
        tmp_path,
        CPUS=4,
        GPUS=4,
        MAX_ARRAY=4,
    )
    assert "5 jobs are more than an array may have; they are submitted 4 at a time." in said
    assert said.count("5 of 5 runs done") == 2 and "all 5 runs of study many are done" in said
    devices = (tmp_path / "devices").read_text().splitlines()
    assert sorted(devices[:4]) == [f"node1 gpu {number}" for number in range(4)] and len(devices) == 5


@pytest.mark.long
def test_a_job_that_dies_is_named_the_others_end_and_the_same_command_does_the_rest(tmp_path: Path) -> None:
    small = (
        "data=digits pool=max,avg train.steps=2 model.width=2 study=dies hydra.launcher.mem_gb=1 hydra/launcher=slurm"
    )
    setup = "'hydra.launcher.setup=[\"[ $SLURM_ARRAY_TASK_ID != 0 ] || exit 3\"]'"
    said = on_slurm(f"! $RUN {small} {setup} || exit 1; $RUN {small}", tmp_path, CPUS=2)
    assert re.search(r"Slurm job \d+_0: has no result, state [A-Z]+; its log: ", said), said
    assert "1 of 2 runs done" in said and "2 of 2 runs done" in said
