"""Memory that a training process frees is used again: page faults of whole commands, counted."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poolscope.kernels.freed_memory import keep_freed_memory

STEPS = 12
# A step of this network holds 80 MB of temporaries: more than an arena of a thread's own can, so that without
# keep_freed_memory, or with a late call of it, each of the steps faults 20,000 pages in.
NETWORK = (
    *("data=synthetic", "data.shape=[32,32,3]", "data.train_eval_size=8"),
    *("model.blocks=1", "model.pool_stages=1", "model.width=64", "train.batch_size=128", "train.eval_batch_size=8"),
    *(f"train.steps={STEPS}", "measure=none", "seeds=[0]", "study=faults"),
)
COUNT = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
print(json.dumps([done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt, done.stderr[-2000:]]))
"""


@pytest.mark.long
@pytest.mark.skipif(not keep_freed_memory(), reason="the C library isn't glibc")
@pytest.mark.parametrize("mode", [("train.loop=step",), ("train.loop=scan",), ("-m", "hydra/launcher=local")])
def test_a_run_faults_its_temporaries_in_once(mode: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "poolscope", "train", *NETWORK, *mode, f"results={tmp_path}"]
    counted = subprocess.run(
        [sys.executable, "-c", COUNT, *command],
        env={**os.environ, "POOLSCOPE_WORKERS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    status, faults, said = json.loads(counted.stdout)
    assert status == 0, said
    assert faults < 200_000


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert not keep_freed_memory()
