"""`poolscope apply`: NumPy and the layers print the same."""

from __future__ import annotations

import pytest

from poolscope.cli import main


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
