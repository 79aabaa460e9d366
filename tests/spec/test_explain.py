"""What is refused in one sentence: files of one's own, and overrides whatever command composes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from poolscope.cli import main
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


COMPOSING = {  # every way in which a command composes what it is given
    "train": "train",
    "a sweep": "train -m",
    "help": "train --help",
    "cfg": "train --cfg job",
    "cfg all": "train --cfg all --resolve",
    "package": "train --cfg job --package model",
    "info": "train --info config",
    "defaults": "train --info defaults",
    "show": "show",
    "apply": "apply",
    "compare": "compare --no-run",
    "measure": "measure",
}


REFUSED = {
    "pool=null": "pool must be one of ada, ",
    "train.flip=2": "train.flip must be true or false, not 2.",
    "pool=[max]": "(a sweep over several is written -m pool=max)",
    "arm=3": "arm must be one of avg_two, ",
    "experiment=true": "experiment must be one of compare, ",
    "experiment=[nosuch]": "experiment=nosuch is not a choice; experiment must be one of compare, ",
    "+pool=avg": "pool is chosen already; write pool=... without the + to choose another.",
    "~measure=true": "~measure=true: write ~measure, or ~measure=... with the choice that is taken away.",
    "=3": "The override '=3' names no key; write key=value.",
    "hydra/launcher=null": "hydra/launcher must be one of basic, ",
    "pool.name=nosuch": "pool.name must be one of max, ",
    "pool.window=${nosuch}": "pool.window: Interpolation key 'nosuch' not found.",
}


@pytest.mark.parametrize(
    ("command", "word"),
    [(command, word) for command in COMPOSING.values() for word in list(REFUSED)[:2]]
    + [(command, word) for command in ("train --help", "show") for word in list(REFUSED)[2:]],
)
def test_an_override_is_refused_in_the_same_words_by_every_command(
    command: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), word])
    printed, said = capsys.readouterr()
    assert ended.value.code == 2 and not printed
    assert said.startswith("poolscope: ") and REFUSED[word] in said and len(said.splitlines()) == 1
