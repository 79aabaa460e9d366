"""Contenders that are whole processes: their folders, caches and statuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from poolscope.benchmarks.by_command import prepare_process

SAY = "import os, sys; open(sys.argv[1], 'a').write(os.environ['POOLSCOPE_CACHE'] + ' ' + os.getcwd() + '\\n')"


def test_each_process_has_a_new_folder_and_a_cold_one_new_caches(tmp_path: Path) -> None:
    told = {}
    for warm in (True, False):
        path = tmp_path / str(warm)
        repeat = prepare_process(["-c", SAY, str(path)], items=8, warm=warm)
        assert [repeat(), repeat()] == [8, 8]
        told[warm] = [line.split() for line in path.read_text().splitlines()]
    (warm, here), (again, there) = told[True]
    assert warm == again and here != there and not Path(here).exists()
    (cold, here), (anew, _) = told[False]
    assert cold != anew and cold == f"{here}/cache"


def test_the_folder_stands_in_arguments(tmp_path: Path) -> None:
    program = "import os, sys; sys.exit(sys.argv[1] != os.getcwd() + '/results')"
    assert prepare_process(["-c", program, "{folder}/results"])() == 1


def test_another_status_is_an_error_with_the_last_words() -> None:
    assert prepare_process(["-c", "import sys; sys.exit(17)"], status=17)() == 1
    with pytest.raises(RuntimeError, match=r"ended with 1 instead of 0: .*no such luck"):
        prepare_process(["-c", "import sys; sys.exit('no such luck')"])()
    with pytest.raises(ModuleNotFoundError):
        prepare_process(["-c", "raise ImportError(\"No module named 'torch'\")"])()
