"""An operator added inside, and somebody else's package outside: what each takes, and that nothing else changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from poolscope.reports.figures.style import style_operator
from poolscope.spec.operators import OPERATORS
from poolscope.statistics.exact_counts import judge_exactly

CHECKOUT = Path(__file__).resolve().parents[1]

TOY = '''
"""Mean of the extremes of the window."""

from __future__ import annotations

import jax.numpy as jnp

from poolscope.pooling.declare import operator
from poolscope.pooling.max_min import max_pool, min_pool
from poolscope.spec.declaration import Learned, Real, Switch


@operator(
    "toy",
    family="extremes",
    summary="blend of the extremes",
    formula="share max + (1 - share) min",
    source="this test",
    options={"share": Real(help="share of max", least=0, most=1), "learn": Switch(True, help="learn it")},
    learned={"share": Learned(initial="option")},
)
def toy_pool(x, window, *, share=0.5):
    """Blend of the extremes."""
    part = jnp.asarray(share, x.dtype)
    return part * max_pool(x, window) + (1 - part) * min_pool(x, window)
'''
TOY_YAML = "# Blend of the extremes: share max + (1 - share) min (this test)\nname: toy\nshare: 0.5\nlearn: true\n"
TOY_TEST = """
import jax.numpy as jnp
from poolscope.pooling import ToyPool, toy_pool


def test_by_hand() -> None:
    x = jnp.asarray([[1.0, 2.0], [3.0, 9.0]])[None, :, :, None]
    assert toy_pool(x, 2, share=0.25).item() == 0.25 * 9 + 0.75 * 1
    assert ToyPool(2)(x).item() == 5
"""
FIND_OUT = """
import json, sys
from poolscope.pooling.contract import CHECKS, check_operator
from poolscope.reports.figures.style import style_operator
from poolscope.spec.operators import OPERATORS
from poolscope.statistics.exact_counts import judge_exactly
name = sys.argv[1]
if len(sys.argv) > 2:
    CHECKS = {check: CHECKS[check] for check in sys.argv[2:]}
print(json.dumps({
    "operators": {entry: [style_operator(entry), operator.package] for entry, operator in OPERATORS.items()},
    "counted": judge_exactly().to_csv(index=False),
    "problems": [problem for _, _, problem in check_operator(name) if problem],
}))
"""


def call(*arguments: str, cwd: Path, path: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A Python process that sees `path` first."""
    env = os.environ | {"PYTHONPATH": str(path), "COLUMNS": "250"}
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0 or not check, done.stdout[-2000:] + done.stderr[-2000:]
    return done


def list_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def check_the_rest_is_as_before(found: dict[str, Any], name: str) -> None:
    """Colours and counted claims are those of this process, without the operator, and its contract holds."""
    looks = {entry: look for entry, (look, _) in found["operators"].items()}
    assert [*looks] == [*OPERATORS, name]
    assert all(looks[entry] == style_operator(entry) for entry in OPERATORS)
    assert found["counted"] == judge_exactly().to_csv(index=False)
    assert found["problems"] == []


@pytest.mark.long
def test_an_operator_inside_is_one_python_file_one_yaml_and_one_test(tmp_path: Path) -> None:
    """In a copy of the checkout: added, checked, tested beside the others, trained a few steps, reported."""
    copy = tmp_path / "checkout"
    for folder in ("src", "configs", "experiments", "tests"):
        shutil.copytree(CHECKOUT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(CHECKOUT / "pyproject.toml", copy)
    for table in CHECKOUT.glob("results/*/tables/runs.csv"):
        place = copy / table.relative_to(CHECKOUT)
        place.parent.mkdir(parents=True)
        shutil.copy(table, place)
    before = {folder: list_files(copy / folder) for folder in ("experiments", "results")}
    (copy / "src" / "poolscope" / "pooling" / "toy.py").write_text(TOY)
    (copy / "configs" / "pool" / "toy.yaml").write_text(TOY_YAML)
    (copy / "tests" / "pooling" / "test_toy.py").write_text(TOY_TEST)

    found = json.loads(call("-c", FIND_OUT, "toy", cwd=tmp_path, path=copy / "src").stdout)
    check_the_rest_is_as_before(found, "toy")
    tests = ("pooling/test_toy.py", "spec/test_operators.py", "spec/test_pool.py", "spec/test_config.py")
    chosen = ("-k", "by_hand or toy or files or oracle or committed or catalogue or own or keys")
    given = [str(copy / "tests" / test) for test in tests]
    call("-m", "pytest", "-q", "-p", "no:cacheprovider", *given, *chosen, cwd=copy, path=copy / "src")

    quick = ("data=digits", "train.steps=2", "data.train_size=100", "model.width=4", "seeds=[0]", "measure=none")
    job = ("-m", "poolscope", "train", "-m", "pool=max,toy", "study=toys", *quick)
    assert "2 of 2 runs done" in call(*job, cwd=tmp_path, path=copy / "src").stderr
    assert "toy" in call("-m", "poolscope", "report", "toys", cwd=tmp_path, path=copy / "src").stdout
    assert {folder: list_files(copy / folder) for folder in ("experiments", "results")} == before


@pytest.mark.long
def test_somebody_else_s_package_adds_an_operator_a_data_set_and_a_measurement(tmp_path: Path) -> None:
    """The example package: installed without network, listed, completed, checked, trained, recorded, reported."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        pytest.skip("uv is not installed")
    source, site = tmp_path / "mypools", tmp_path / "site"
    shutil.copytree(CHECKOUT / "examples" / "mypools", source)
    install = ("pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation", "--target", str(site))
    subprocess.run([uv, *install, "--python", sys.executable, str(source)], check=True)

    found = json.loads(call("-c", FIND_OUT, "midrange", cwd=tmp_path, path=site).stdout)
    check_the_rest_is_as_before(found, "midrange")
    assert found["operators"]["midrange"][1] == "mypools"
    for what, row in (("pools", "midrange"), ("data", "stripes"), ("measures", "weight_norm")):
        line = next(text for text in call("-m", "poolscope", "list", what, cwd=tmp_path, path=site).stdout.splitlines()
                    if text.startswith(row))  # fmt: skip
        assert line

    job = ("train", "-m", "pool=max,midrange", "data=stripes", "measure=weight_norm", "study=mine")
    small = ("train.steps=2", "model.width=4", "model.blocks=2", "seeds=[0]")
    assert "2 of 2 runs done" in call("-m", "poolscope", *job, *small, cwd=tmp_path, path=site).stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "results" / "runs" / "mine").rglob("seed-0.json")]
    origins = {record["config"]["pool"]["name"]: record["provenance"]["plugins"] for record in records}
    rest = "stripes of mypools 1.2, weight_norm of mypools 1.2"
    assert origins == {"max": rest, "midrange": f"midrange of mypools 1.2, {rest}"}
    assert all(record["scalars"]["weight_norm"] > 0 for record in records)
    assert "share" not in next(r["config"]["pool"] for r in records if r["config"]["pool"]["name"] == "max")
    assert "midrange" in call("-m", "poolscope", "report", "mine", cwd=tmp_path, path=site).stdout
    refused = call("-m", "poolscope", "apply", "pool=midrange", "pool.share=2", cwd=tmp_path, path=site, check=False)
    assert refused.returncode == 2
    assert "pool.share must be a number from 0 to 1 for pool=midrange, not 2" in refused.stderr
