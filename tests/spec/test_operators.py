"""The catalogue: read from the source without JAX, and what it reads is what the functions declare."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import poolscope
from poolscope.pooling import POOLS
from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS, read_operators
from poolscope.spec.paths import shipped

PACKAGE = Path(poolscope.__file__).parent
# Colours and markers in committed figures go by these places.
FIRST = (
    *("max", "avg", "min", "lp", "gem", "lse", "soft", "stochastic", "mixed", "gated", "subsample", "strided_conv"),
    *("conv_stride", "none", "blur", "max_blur", "median", "ordinal", "tree", "random_mixed", "dpp", "edscw", "em"),
    *("ada", "haar", "lip", "spectral", "diffstride", "fractional_max", "s3", "aps", "lps", "lift"),
    *("space_to_depth", "adaptive_avg", "adaptive_max"),
)


def test_places_in_figures_are_those_of_the_committed_ones() -> None:
    own = [operator for operator in OPERATORS.values() if not operator.package]
    assert tuple(operator.name for operator in own)[: len(FIRST)] == FIRST
    orders = [operator.order for operator in own if operator.order is not None]
    assert orders == sorted(set(orders)), "two operators have one place"


OURS = {name for name, operator in OPERATORS.items() if not operator.package}


def test_the_study_of_every_operator_names_every_operator() -> None:
    content = yaml.safe_load((shipped("configs") / "experiment" / "every_operator.yaml").read_text(encoding="utf-8"))
    assert {name.strip() for name in content["hydra"]["sweeper"]["params"]["pool"].split(",")} == OURS


@pytest.mark.long
def test_the_study_of_every_operator_trains_every_operator() -> None:
    assert {config.pool.name for config in compose_runs(["experiment=every_operator"], True).configs} == OURS


def test_the_catalogue_needs_no_jax() -> None:
    program = "import sys; from poolscope.spec.pool import PoolConfig; print('jax' in sys.modules, PoolConfig().p)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False None\n"


@pytest.mark.parametrize("name", POOLS)
def test_what_is_read_is_what_the_function_declares(name: str) -> None:
    read = OPERATORS[name]
    module = sys.modules.get(read.module) or __import__(read.module, fromlist=[read.function])
    declared = getattr(module, read.function).declaration
    for field in ("summary", "formula", "source", "family", "order", "learned", "gain", "kind", "stochastic", "stride"):
        assert getattr(read, field) == getattr(declared, field), field
    for option, rule in declared.options.items():
        assert rule.default in (..., read.options[option].default)


def declare(tmp_path: Path, declaration: str, function: str = "def f_pool(x, window, *, p=2.0): ...") -> list:
    path = tmp_path / "mine.py"
    path.write_text(f"from poolscope.pooling import *\n\n@operator({declaration})\n{function}\n")
    return read_operators(path, "mine")


def test_defaults_are_the_function_s_and_window_reductions_compose_with_a_blur(tmp_path: Path) -> None:
    (found,) = declare(tmp_path, '"f", options={"p": pooling.Real(least=1, most=9), "learn": Switch(False)}')
    assert found.defaults == {"p": 2.0, "learn": False, "filter_size": None, "dilation": None}
    assert (found.function, found.keywords, found.module) == ("f_pool", ("p",), "mine")


@pytest.mark.parametrize(
    ("declaration", "sentence"),
    [
        ("name", "line 3: @operator takes literals only"),
        ('"f", options={"p": open("x")}', "open is none of Real, Whole, Switch, Choice, Sizes, Learned"),
        ('"f", colour="red"', "unexpected keyword argument 'colour'"),
        ('"two words"', "name must be an identifier, not 'two words'"),
        ('"f", kind="global"', "kind must be one of local, layer, map, none, not 'global'"),
        ('"f", family="a/b"', "family must be an identifier"),
        ('"f", options={"p": 3}', "option p must be a Real, Whole, Switch, Choice or Sizes"),
        ('"f", options={"q": Real()}', "option q needs a default"),
        ('"f", options={"p": Real(least=3, most=4)}', "option p must be a number from 3 to 4, not its default 2.0"),
    ],
)
def test_no_declaration_is_refused_by_file_and_line(tmp_path: Path, declaration: str, sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        declare(tmp_path, declaration)


def test_a_file_that_is_no_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("@operator(\ndef (")
    with pytest.raises(PoolscopeError, match=r"mine\.py can't be read as Python"):
        read_operators(tmp_path / "mine.py", "mine")


def test_no_room_but_the_operators_own_compares_with_an_operator_s_name() -> None:
    """What makes an operator special is declared at it; only the default baseline of comparisons goes by name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.is_relative_to(PACKAGE / "pooling") or path.name.startswith(("by_", "flax_run", "torch_run")):
            continue  # their home, and what other frameworks call theirs
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare):
                continue
            texts = {leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)}
            about = re.search(r"pool\.name|\bname\b|operator", ast.unparse(node.left))
            if about and texts & set(OPERATORS) and not re.search(r"head|norm|kind", ast.unparse(node)):
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}: {ast.unparse(node)}")
    baseline = [place for place in found if re.search(r"name != 'max'$", place)]
    assert [place for place in found if place not in baseline] == []
    assert len(baseline) == 1
