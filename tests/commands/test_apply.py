"""`poolscope apply`: what it prints, and what it needn't import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from poolscope.cli import main

WITHOUT_JAX = """
import sys
from poolscope.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code
print(sorted({"jax", "flax", "pandas", "matplotlib", "scipy"} & {*sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize("command", [["apply", "pool=max,avg,none"], ["show", "data=digits", "pool=lip"]])
def test_without_importing_jax(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_JAX, *command], capture_output=True, text=True, check=False)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("option", ["", "pool.padding=1", "pool.stride=1", "pool.dilation=2", "pool.window=3"])
def test_numpy_and_the_layer_print_the_same(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for cells in (1024, 0):
        monkeypatch.setattr("poolscope.commands.apply._MOST_IN_NUMPY", cells)
        with pytest.raises(SystemExit):
            main(["apply", "pool=max,avg", *([option] if option else [])])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] and "max" in printed[0]
