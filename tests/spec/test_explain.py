"""What files of one's own are refused for, with the file's name and what would fit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from poolscope.spec.compose import compose_runs
from poolscope.spec.errors import PoolscopeError


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: {widht: 3}", "experiment/mine.yaml: model.widht"),
        ("model: {width: abc}", "model.width must be a whole number from 1 to 100000, not abc"),
        ("train: {flip: 2}", "train.flip must be true or false, not 2"),
        ("train: {epochs: .inf}", "train.epochs must be a whole number from 1 to 100000, not inf"),
        ("- 1", "experiment/mine.yaml"),
        ("model: 3", "model"),
        ("a: [1", "mine.yaml, line "),
        ("a: \0", "mine.yaml: not valid YAML (character 24"),
        ("seeds: 3", "seeds must be a list of whole numbers"),
        ("model: {width: '${nosuch}'}", "nosuch"),
        ("defaults: [{override /pool: nosuch}]", "pool=nosuch is not a choice"),
    ],
)
def test_a_file_is_refused_in_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "experiment" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(f"# @package _global_\n{text}\n")
    with pytest.raises(PoolscopeError, match=re.escape(sentence)) as refused:
        compose_runs(["experiment=mine"], config_dir=str(tmp_path))
    assert len(str(refused.value).splitlines()) == 1
    assert not re.search(r"full_key|object_type|Error", str(refused.value))
