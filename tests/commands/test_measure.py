"""`poolscope measure` on made-up images: its tables continue, and what it refuses."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from poolscope.cli import main
from poolscope.measures.invariance import Invariance
from poolscope.reports.operator_tables import read_tables, show_rows


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["measure", "data=synthetic", *arguments])
    return int(ended.value.code or 0)


@pytest.mark.usefixtures("undrawn")
def test_the_command_writes_tables_that_continue(results: Path, capsys: pytest.CaptureFixture) -> None:
    assert _run("pool=max,avg", f"results={results}") == 0
    assert "efficiency" in capsys.readouterr().out
    folder = results / "operators"
    first = (folder / "tables" / "operators.csv").read_bytes()
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert {"operators.svg", "kept.png", "spectra.svg", "gallery_synthetic.png"} <= figures
    assert _run("pool=subsample,avg", f"results={results}") == 0
    tables = read_tables(folder)
    assert tables["operators"]["pool"].tolist() == ["max", "avg", "subsample"]
    assert not tables["spectra"].duplicated(["pool", "curve", "frequency"]).any()
    shown = pd.DataFrame(show_rows(tables["operators"]))
    assert set(shown["pool"]) == {"max", "avg", "subsample"}
    assert shown["aliasing"].tolist() == sorted(shown["aliasing"])
    again = (folder / "tables" / "operators.csv").read_bytes()
    assert again.splitlines()[:3] == first.splitlines()[:3]


def test_the_command_refuses_what_it_cannot_measure(results: Path, capsys: pytest.CaptureFixture) -> None:
    assert _run("pool=conv_stride", f"results={results}") == 2
    assert "acts through a network" in capsys.readouterr().err
    assert _run("pool=max", "pool.window=8", f"results={results}") == 2
    assert "leaves fewer than 3x3 outputs" in capsys.readouterr().err


def test_one_image_to_measure_with_is_refused_before_anything_is_measured(
    results: Path, capsys: pytest.CaptureFixture
) -> None:
    assert _run("pool=max", 'data.train="train[:1]"', f"results={results}") == 2
    assert "names 1 image to measure with" in capsys.readouterr().err
    assert not results.exists()


def test_untrained_networks_get_a_table_of_their_own(
    results: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def pretend(pools: list, data: str, images: np.ndarray, seeds: range) -> list[dict[str, object]]:
        asked.append(([pool.name for pool in pools], data, len(images), len(seeds)))
        found = Invariance(1.0, 0.0, True, 0.5, 0.25, False, float("nan"), len(seeds), len(images))
        key = {"data": data, "window": "2", "stride": "2", "network": "strided"}
        return [key | {"pool": pool.name} | asdict(found) for pool in pools]

    monkeypatch.setattr("poolscope.measures.invariance.measure_rows", pretend)
    assert _run("--invariance", "pool=max,aps", f"results={results}") == 0
    assert asked == [(["max", "aps"], "synthetic", 100, 5)]
    printed = capsys.readouterr().out
    assert "aps" in printed and "0.2500" in printed and "whole" in printed
    assert (results / "operators" / "tables" / "invariance.csv").is_file()
