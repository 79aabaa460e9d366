"""Data sets and measurements of plugins, as their declarations say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.extensions import dataset, describe_origin, find_datasets, find_measurements, measurement
from poolscope.spec.plugins import VARIABLE, find_plugins, use_files

MINE = '''
@dataset("stripes", train="train[:9]")
def open_stripes(config):
    """Stripes of two widths."""

@measurement("norm", summary="of weights", columns=[("norm", "none", "of all weights")], cost="2 s")
def measure_norm(subject): ...
'''


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A way to make a text the only plugin."""

    def clear() -> None:
        for cached in (find_plugins, find_datasets, find_measurements):
            cached.cache_clear()

    def write(text: str) -> None:
        (tmp_path / "mine.py").write_text(text)
        use_files([str(tmp_path / "mine.py")])
        clear()

    monkeypatch.setenv(VARIABLE, "")
    yield write
    monkeypatch.undo()
    clear()


def test_what_declarations_say(use: Callable[[str], None]) -> None:
    use(MINE)
    stripes, norm = find_datasets()["stripes"], find_measurements()["norm"]
    assert (stripes.summary, stripes.train, stripes.test) == ("Stripes of two widths.", "train[:9]", "test")
    assert (norm.columns, norm.cost, norm.function) == ([("norm", "none", "of all weights")], "2 s", "measure_norm")
    assert re.fullmatch(r"stripes of mine\.py [0-9a-f]{12}", describe_origin("max", "stripes", "basic"))
    assert describe_origin("max", "tfds", "full") == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('@dataset("digits")\ndef f(c): ...', "line 1: data=digits must be an identifier that no other dataset has"),
        (MINE + '@dataset("stripes")\ndef f(c): ...', "data=stripes must be an identifier that no other dataset has"),
        ('@dataset("a", size=3)\ndef f(c): ...', "unexpected keyword argument 'size'"),
        ('@measurement("full")\ndef f(c): ...', "measure=full must be an identifier"),
        ('@measurement("a b")\ndef f(c): ...', "measure=a b must be an identifier"),
    ],
)
def test_refusals_name_file_and_line(use: Callable[[str], None], text: str, sentence: str) -> None:
    use(text)
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        {**find_datasets(), **find_measurements()}


def test_decorators_leave_functions_as_they_are() -> None:
    assert dataset("a")(len) is len
    assert measurement("a", cost="1 s")(len) is len
    with pytest.raises(TypeError, match="size"):
        dataset("a", size=3)
