"""The schema: what a digest depends on, what is refused, and that the YAML files and the catalogue say the same."""

from __future__ import annotations

import copy
import csv
import dataclasses
import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import make_config
from omegaconf import OmegaConf
from PIL import Image

from poolscope.spec.compose import compose_runs
from poolscope.spec.config import (
    MOST_SEED,
    RESULT_KEYS,
    SETTINGS,
    PoolConfig,
    RunConfig,
    check_config,
    check_pool,
    digest,
    pool_options,
    to_config,
    to_dict,
    to_record,
)
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.spec.paths import shipped


def leaves(section: Any, prefix: str = "") -> list[str]:
    """Every key of a configuration, with dots."""
    names = []
    for entry in dataclasses.fields(section):
        value = getattr(section, entry.name)
        key = f"{prefix}{entry.name}"
        names += leaves(value, f"{key}.") if dataclasses.is_dataclass(value) else [key]
    return names


def change(config: RunConfig, key: str, value: Any) -> RunConfig:
    """A copy with one key set, unchecked."""
    changed = copy.deepcopy(config)
    section, _, name = key.rpartition(".")
    setattr(getattr(changed, section) if section else changed, name, value)
    return changed


def test_the_digest_names_all_that_changes_a_result_and_nothing_else() -> None:
    config = make_config()
    names = leaves(config)
    assert names == list(SETTINGS)
    seen = {digest(config)}
    for key in names:
        name = digest(change(config, key, "something else"))
        if key not in RESULT_KEYS:
            assert name == digest(config), key
        else:
            assert name not in seen, key
            seen.add(name)
    assert all(re.fullmatch(r"[0-9a-f]{12}", name) for name in seen)


def test_a_new_optional_key_leaves_digests_as_they_were() -> None:
    config = make_config()
    content = to_dict(config)
    content["pool"] = {"name": "max", "window": 2, "padding": "VALID"}  # as recorded before there were other keys
    assert digest(to_config(OmegaConf.create(content))) == digest(config)


def test_the_order_of_a_block_is_recorded_where_it_is_set() -> None:
    config, other = make_config(), make_config(model__order="pool_norm_relu")
    assert "order" not in to_record(config)["model"]
    assert to_record(other)["model"]["order"] == "pool_norm_relu"
    assert digest(other) != digest(config)


@pytest.mark.parametrize(("key", "default", "other"), [("convs", 1, 2), ("residual", False, True), ("hidden", [], [8])])
def test_a_network_has_one_digest_however_its_defaults_are_written(key: str, default: Any, other: Any) -> None:
    content = to_dict(make_config())
    content["model"] |= {"convs": 2} if key == "residual" else {}
    plain, written, changed = (
        to_config(OmegaConf.create(content | {"model": content["model"] | more}))
        for more in ({}, {key: default}, {key: other})
    )
    assert digest(written) == digest(plain) != digest(changed)
    assert to_record(written) == to_record(plain)
    assert key not in to_record(plain)["model"]
    assert to_record(changed)["model"][key] == other


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (
            {"residual": True, "convs": 2, "conv_padding": "VALID"},
            "model.conv_padding must be SAME or CIRCULAR, not VALID",
        ),
        ({"residual": True, "convs": 3}, "model.convs must be even, for instance 2, not 3"),
        (
            {"residual": True, "convs": 2, "order": "pool_norm_relu"},
            "model.order must be null with model.residual=true",
        ),
        ({"hidden": [8], "head": "none"}, "model.head=none has none; leave one out"),
    ],
)
def test_what_doesn_t_fit_together_in_a_network(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        check_config(make_config(**{f"model__{key}": value for key, value in keys.items()}))


def test_committed_runs_still_go_by_the_digest_of_their_configuration() -> None:
    """Where this fails, runs that are committed are no longer found and would all be trained again."""
    checked = 0
    read = functools.cache(lambda text: OmegaConf.create(f"value: {text}").value)  # reads 1e-06 as the number it is
    for table in (shipped("experiments").parent / "results").glob("*/tables/runs.csv"):
        with table.open(newline="", encoding="utf-8") as file:
            rows = {row["digest"]: row for row in csv.DictReader(file)}
        for name, row in rows.items():
            content: dict[str, Any] = {}
            for column, text in row.items():
                section, _, key = column.partition(".")
                if section in ("data", "model", "pool", "optim", "train", "measure"):
                    value = read(text)
                    whole = isinstance(value, float) and value.is_integer()  # a column with gaps holds 2 as 2.0
                    content.setdefault(section, {})[key] = int(value) if whole else value
            assert digest(to_config(OmegaConf.create(content))) == name, table
            checked += 1
    assert checked >= 20


def test_a_configuration_survives_json_and_yaml() -> None:
    config = make_config(pool__window=[3, 2], pool__padding=[[1, 0], [0, 1]], model__pool_after=[1, 3])
    config.seeds = [3, 1]
    assert to_config(OmegaConf.create(json.loads(json.dumps(to_dict(config))))) == config
    assert to_config(OmegaConf.create(OmegaConf.to_yaml(OmegaConf.structured(config)))) == config


OPERATORS_FILES = pytest.param("pool", marks=pytest.mark.long)  # the study of every operator composes them too


@pytest.mark.parametrize("group", ["data", "model", OPERATORS_FILES, "optim", "measure"])
def test_every_file_of_a_group_composes(group: str, tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "image.png")
    (tmp_path / "images.npz").write_bytes(b"")
    needed = {"tfds": "data.name=kmnist", "folder": f"data.path={tmp_path}", "npz": f"data.path={tmp_path}/images.npz"}
    files = sorted((shipped("configs") / group).glob("*.yaml"))
    assert files
    for path in files:
        extra = [needed[path.stem]] if path.stem in needed else []
        (config,) = compose_runs([f"{group}={path.stem}", *extra]).configs
        section = getattr(config, group)
        for key, value in OmegaConf.to_container(OmegaConf.load(path)).items():
            assert getattr(section, key) == value or extra, f"{path}: {key}"
        assert path.read_text(encoding="utf-8").startswith("# "), f"{path} must say what it is in its first line"


def test_the_pool_files_say_what_the_catalogue_says() -> None:
    files = {path.stem: path for path in (shipped("configs") / "pool").glob("*.yaml")}
    assert files.keys() - OPERATORS.keys() == {"max_overlap"}, "an operator's file goes by the operator's name"
    assert files.keys() >= OPERATORS.keys()
    for stem, path in files.items():
        values = OmegaConf.to_container(OmegaConf.load(path))
        name = values.pop("name")
        assert stem == name or stem == f"{name}_overlap"
        for option, value in values.items():
            default = OPERATORS[name].defaults.get(
                option, (2, None, "VALID") if option in ("window", "stride") else None
            )
            assert value == default or option in ("window", "stride", "padding"), f"{path}: {option}"
        unset = {option for option, default in OPERATORS[name].defaults.items() if default is not None} - values.keys()
        assert not unset, f"{path} must show the defaults of {sorted(unset)}"


def test_an_operator_takes_its_own_options_only() -> None:
    for name in OPERATORS:
        for option in ("p", "eps", "beta", "alpha", "depth", "norm"):
            value = OPERATORS[name].defaults.get(option, 2)
            changed = PoolConfig(name=name, **{option: value})
            assert pool_options(changed) == {option: value}
            if option in OPERATORS[name].options:
                check_pool(changed)
            else:
                with pytest.raises(PoolscopeError, match=rf"{name}.*window, stride, padding.*{option}=2"):
                    check_pool(changed)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("seeds", [], "seeds is empty"),
        ("seeds", [1, 1], "different whole numbers"),
        ("seeds", [-1], f"from 0 to {MOST_SEED}, as in seeds=[1,2,3], not [-1]"),
        ("seeds", [MOST_SEED + 1], "not [4294967296]"),
        ("seeds", [[0, 1]], "not [[0, 1]]"),
        ("study", "a b", "study must be a name"),
        ("study", "../up", "'../up'"),
        ("study", "runs", "runs, not 'runs'"),
        ("study", "", "not ''"),
        ("results", " ", "results must name a folder"),
        ("measure.images", 500, "leave it out, or choose measure=quick, robust, invariance or full"),
        ("measure.images", 1, "measure.images must be null or a whole number from 2"),
        ("data.name", "mnist", "data.name=mnist is not what data.source=digits reads"),
        ("data.source", "web", "data.source must be one of digits, synthetic, tfds, folder, npz, not 'web'"),
        ("data.train_size", 0, "data.train_size must be null or a whole number from 1 to"),
        ("data.label_noise", 1.5, "data.label_noise must be a number from 0 to 1, not 1.5"),
        ("data.label_noise", float("nan"), "not nan"),
        ("data.shape", [8, 8], "data.shape must be [height, width, channels]"),
        ("data.shape", [8, 8, 0], "not [8, 8, 0]"),
        ("data.classes", 1, "data.classes must be null or a whole number from 2"),
        ("model.blocks", -1, "model.blocks must be a whole number from 0 to 1000, not -1"),
        ("model.blocks", 10**20, "model.blocks must be a whole number from 0 to 1000"),
        ("model.width", -4, "model.width must be a whole number from 1 to 100000, not -4"),
        ("model.growth", 0.0, "model.growth must be a number above 0 and at most 1000, not 0"),
        ("model.growth", 1000.0, "model.growth^(model.blocks - 1) must be at most 100,000, not 1.6e+07"),
        (
            "model.head",
            "mean",
            "model.head must be one of flatten, avg, max, gem, lse, avgmax, catavgmax, grid, attention, simpool, "
            "latent, netvlad, pyramid, bilinear, covariance, none, not 'mean'",
        ),
        ("model.order", "pool", "null or one of norm_pool_relu, pool_norm_relu, relu_pool_norm, not 'pool'"),
        ("model.convs", 0, "model.convs must be null or a whole number from 1 to 1000, not 0"),
        ("model.residual", "yes please", "model.residual must be null, true or false, not 'yes please'"),
        ("model.residual", True, "model.convs must be even, for instance 2, not 1"),
        ("model.hidden", 120, "null or a list of whole numbers from 1 to 100000, as in model.hidden=[1,2,3], not 120"),
        ("model.hidden", [120, 0], "not [120, 0]"),
        ("model.norm", "bn", "model.norm must be one of none, batch, layer, group, not 'bn'"),
        ("model.conv_padding", "FULL", "model.conv_padding must be one of SAME, VALID, CIRCULAR"),
        ("model.dropout", 1.0, "model.dropout must be a number from 0 to below 1, not 1"),
        (
            "optim.learning_rate",
            float("inf"),
            "a number above 0 and at most 1e+12, not inf",
        ),
        ("optim.learning_rate", 0.0, "not 0"),
        ("optim.momentum", 1.0, "optim.momentum must be a number from 0 to below 1"),
        ("optim.weight_decay", float("inf"), "optim.weight_decay must be a number from 0 to 1000000, not inf"),
        ("optim.clip_norm", 0.0, "optim.clip_norm must be null or a number above 0"),
        ("optim.name", "lion", "optim.name must be one of sgd, adam, adamw, not 'lion'"),
        ("optim.schedule", "step", "optim.schedule must be one of"),
        ("train.epochs", 0, "train.epochs must be a whole number from 1"),
        ("train.steps", 10**20, "train.steps must be null or a whole number from 1 to 100000000"),
        ("train.batch_size", 0, "train.batch_size must be a whole number from 1"),
        ("train.shift", -1, "train.shift must be a whole number from 0"),
        ("train.precision", "float16", "train.precision must be one of float32, bfloat16, not 'float16'"),
        ("train.loop", "fast", "train.loop must be one of"),
        ("measure.name", "all", "measure.name must be one of"),
        ("pool.name", "maxx", "pool.name must be one of max, avg, "),
        ("pool.stride", 0, "pool.stride must be one or more whole numbers from 1 to 10000, not 0"),
    ],
)
def test_a_value_that_nothing_can_be_done_with_is_refused(key: str, value: Any, sentence: str) -> None:
    config = make_config(data__source="digits", data="digits")
    check_config(config)
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        check_config(change(config, key, value))


@given(st.lists(st.integers(0, MOST_SEED), min_size=1, max_size=5, unique=True))
def test_any_different_32_bit_seeds_are_taken(seeds: list[int]) -> None:
    check_config(change(make_config(), "seeds", seeds))


def test_what_is_missing_is_named() -> None:
    with pytest.raises(PoolscopeError, match=r"data\.name is not set; .*data=mnist"):
        to_config(OmegaConf.structured(RunConfig))
