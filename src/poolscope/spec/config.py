"""The schema of a run: every key, its type and its default, and the checks that need no data.

Hydra composes the YAML files under configs/ over these dataclasses; a key that is not here is a typo, a value that does
not convert is a wrong type. `check_config` refuses what types can't, each with one sentence; `digest` names a result.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf

from poolscope.spec.data import MOST, OWN_KEYS, SOURCES, DataConfig, check_data, identify_files
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.extensions import find_measurements
from poolscope.spec.heads import HEADS
from poolscope.spec.paths import check_study
from poolscope.spec.pool import LATER_KEYS, PoolConfig, check_pool, pool_options
from poolscope.spec.rates import check_rate
from poolscope.spec.settings import Range, read_settings, setting

__all__ = [
    "SOURCES",
    "DataConfig",
    "MeasureConfig",
    "ModelConfig",
    "OptimConfig",
    "PoolConfig",
    "Request",
    "RunConfig",
    "TrainConfig",
    "check_config",
    "check_pool",
    "digest",
    "pool_options",
    "to_config",
    "to_dict",
    "to_record",
]

NORMS = ("none", "batch", "layer", "group")
CONV_PADDINGS = ("SAME", "VALID", "CIRCULAR")
PLACEMENTS = ("early", "spread", "late")
ORDERS = ("norm_pool_relu", "pool_norm_relu", "relu_pool_norm")
OPTIMISERS = ("sgd", "adam", "adamw")
SCHEDULES = ("constant", "cosine", "linear")
PRECISIONS = ("float32", "bfloat16")
LOOPS = ("auto", "step", "scan")
_UNSHIFTED = ("validation", "none", "basic")  # sets of measurements without shifts and corruptions
MEASURES = ("validation", "none", "basic", "quick", "robust", "invariance", "full")
_BOOLEAN_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}  # as in YAML
NULL_MEANS = {"convs": 1, "residual": False, "hidden": []}  # of keys of a model that were added later
MOST_SEED = 2**32 - 1  # JAX reads 32 bits of a seed: 2^32 would repeat seed 0


@dataclass
class ModelConfig:
    """The CNN family: blocks of convolution, normalisation and ReLU, pooled after some of them, then a head."""

    blocks: int = setting(3, "convolution blocks; 0: the head reads the (pooled) images", within=Range(0, 1000))
    pool_stages: int = setting(2, "how many blocks are followed by pooling", within=Range(0, 1000))
    pool_after: Any = setting("spread", "which ones: early, spread, late, or block numbers from 1 (0: the images)")
    width: int = setting(16, "filters of the first block", within=Range(1, 100_000))
    growth: float = setting(2.0, "factor on the filters from block to block", within=Range(0, 1000, open_below=True))
    kernel: int = setting(3, "height and width of a filter", within=Range(1, 101))
    conv_padding: str = setting("SAME", "padding of the convolutions", choices=CONV_PADDINGS)
    norm: str = setting("none", "normalisation after each convolution", choices=NORMS)
    order: str | None = setting(
        None, "of what follows a pooled block's convolution; null: normalisation, ReLU, pool", choices=ORDERS
    )
    convs: int | None = setting(
        None, "convolutions of a block, each with its normalisation and ReLU; null: 1", within=Range(1, 1000)
    )
    residual: bool | None = setting(
        None, "a shortcut around every two convolutions, behind a first one (ResNet); null: false"
    )
    hidden: list[int] | None = setting(
        None, "units of dense layers with ReLU before the classifier; null: none", within=Range(1, 100_000)
    )
    dropout: float = setting(0.0, "fraction of features dropped before the head", within=Range(0, 1, open_above=True))
    head: str = setting(
        "avg",
        "what makes a vector of the last map (poolscope list heads); none: no classifier",
        choices=(*HEADS, "none"),
    )
    grid: int = setting(2, "side of the fixed grid when head is grid", within=Range(1, 10_000))
    dense: bool = setting(False, "a-trous control: pools at stride 1, later layers dilated instead")


@dataclass
class OptimConfig:
    """Optimiser and learning-rate schedule."""

    name: str = setting("sgd", "the optimiser", choices=OPTIMISERS)
    learning_rate: float = setting(0.05, "at the peak of the schedule", within=Range(0, 1e12, open_below=True))
    schedule: str = setting("cosine", "constant, or cosine or linear to 0", choices=SCHEDULES)
    warmup: float = setting(
        0.0, "fraction of the steps that the rate rises linearly from 0", within=Range(0, 1, open_above=True)
    )
    momentum: float = setting(0.9, "sgd only", within=Range(0, 1, open_above=True))
    nesterov: bool = setting(False, "sgd only")
    weight_decay: float = setting(
        0.0, "per step, decoupled in adamw, on weights but not on biases", within=Range(0, 1e6)
    )
    clip_norm: float | None = setting(
        None, "largest global norm of a gradient; null: unclipped", within=Range(0, 1e9, open_below=True)
    )


@dataclass
class TrainConfig:
    """How long and in which pieces to train."""

    epochs: int = setting(10, "passes over the training images", within=Range(1, 100_000))
    steps: int | None = setting(
        None, "optimiser steps instead of epochs; null: epochs decide", within=Range(1, 100_000_000)
    )
    batch_size: int = setting(64, "images a step", within=Range(1, MOST))
    eval_batch_size: int = setting(
        250,
        "images evaluated at a time; changes speed and memory only",
        within=Range(1, MOST),
        result=False,
        recorded=True,
    )
    shift: int = setting(0, "augmentation: largest random shift in pixels, zero-filled", within=Range(0, 10_000))
    flip: bool = setting(False, "augmentation: random left-right mirroring")
    precision: str = setting("float32", "of activations; weights stay float32", choices=PRECISIONS)
    loop: str = setting(
        "auto",
        "step (one dispatch a step), scan (one an epoch) or auto (by back end)",
        choices=LOOPS,
        result=False,
        recorded=True,
    )
    devices: int | None = setting(
        None,
        "how many devices to use; null: as many as the seeds trained together and a batch share",
        within=Range(1, 10_000),
        result=False,
        recorded=True,
    )
    seeds_at_once: int | None = setting(
        None, "seeds trained together in one program; null: all, but 1 on a CPU", within=Range(1, 10_000), result=False
    )
    checkpoint_every: int | None = setting(
        None,
        "epochs between checkpoints, and one when training ends; 0: none; null: every five minutes",
        within=Range(0, 100_000),
        result=False,
    )
    keep: str | None = setting(
        None,
        "weights: the final and the best ones are kept beside the record, as safetensors",
        choices=("weights",),
        result=False,
    )


PROBED = 500  # test images that are shifted and corrupted where measure.images is null


@dataclass
class MeasureConfig:
    """What is measured on a trained network beyond accuracy and loss."""

    name: str = setting(
        "basic", "the set of measurements (poolscope list measures)", choices=lambda: (*MEASURES, *find_measurements())
    )
    images: int | None = setting(
        None,
        f"test images that are shifted and corrupted, or all if there are fewer; null: {PROBED}",
        within=Range(2, 10**9),
    )


@dataclass
class RunConfig:
    """One configuration, trained once for every seed."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    seeds: list[int] = setting([0], "one run and one record each", within=Range(0, MOST_SEED), result=False)
    study: str = setting("adhoc", "name of the study that the records belong to", result=False)
    results: str = setting("results", "folder of studies and records", result=False)


@dataclass
class Request(RunConfig):
    """What Hydra composes: a run, and numbers that its YAML files look up and that are no part of it."""

    rates: dict[str, Any] = field(default_factory=dict)  # tuned learning rates, for ${rates.<data>.<arm>}


SETTINGS = read_settings(RunConfig)  # every key of a run, such as train.epochs
RESULT_KEYS = tuple(key for key, known in SETTINGS.items() if known.result)  # those that a digest stands for
RECORDED_KEYS = tuple(key for key, known in SETTINGS.items() if known.recorded)  # those that records and tables keep


def make_schema() -> type:
    """Make the schema that Hydra composes over: `Request`, but with room for any value where a boolean belongs.

    OmegaConf would take a number for a boolean; `to_config` refuses it.
    """
    return _loosen(Request)


def _loosen(schema: type) -> type:
    kinds, fields = get_type_hints(schema), []
    for entry in dataclasses.fields(schema):
        kind: Any = kinds[entry.name]
        loose: Any = copy.copy(entry)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            loose.default_factory = kind = _loosen(kind)
        fields.append((entry.name, Any if kind in (bool, bool | None) else kind, loose))
    return dataclasses.make_dataclass(schema.__name__, fields)


def to_config(composed: DictConfig) -> RunConfig:
    """Convert what Hydra composed to a typed, checked configuration.

    Raises PoolscopeError with one sentence that names the key, the value and what would fit.
    """
    if isinstance(composed.get("optim"), DictConfig):
        check_rate(OmegaConf.to_container(composed.optim, resolve=False), partial(OmegaConf.select, composed))
    missing = sorted(OmegaConf.missing_keys(composed))
    if missing:
        key = missing[0]
        examples = {"data.name": "data=mnist or data.name=kmnist", "pool.name": "pool=max"}
        example = f", for instance {examples[key]}" if key in examples else ""
        raise PoolscopeError(f"{key} is not set; give it on the command line{example}.")
    content = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(content, dict)
    content.pop("rates", None)
    config: RunConfig = _build(RunConfig, content, "")
    check_config(config)
    leave_out_defaults(config.model)
    identify_files(config.data)
    return config


def leave_out_defaults(model: ModelConfig) -> None:
    """Set keys that were added later to null where they say what null means, so that a network has one digest."""
    for key, meant in NULL_MEANS.items():
        if getattr(model, key) == meant:
            setattr(model, key, None)


def _build(schema: type, content: Any, prefix: str) -> Any:
    """An instance of a schema with these values; what is not among them has its default."""
    if not isinstance(content, dict):
        raise PoolscopeError(f"{prefix.rstrip('.')} must be a group of keys, not {content!r}.")
    values = {}
    kinds = get_type_hints(schema)
    for name, value in content.items():
        key = f"{prefix}{name}"
        if name not in kinds:
            raise PoolscopeError(f"{key}: there is no such key.")
        if key not in SETTINGS:
            value = _build(kinds[name], value, f"{key}.")
        elif SETTINGS[key].kind is bool and isinstance(value, str):
            value = _BOOLEAN_WORDS.get(value.lower(), value)
        elif SETTINGS[key].kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        values[str(name)] = value
    return schema(**values)


def to_dict(config: RunConfig) -> dict[str, Any]:
    """Convert the configuration to nested plain dictionaries."""
    return dataclasses.asdict(config)


def flatten_values(content: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten the sections of a run to its keys: {"pool": {"name": "max"}} to {"pool.name": "max"}."""
    return {
        key: content[section][name] if section else content[name]
        for key in SETTINGS
        for section, _, name in [key.rpartition(".")]
        if name in (content.get(section, {}) if section else content)
    }


def to_record(config: RunConfig) -> dict[str, Any]:
    """Convert the configuration to the sections that a record keeps, with the keys in RECORDED_KEYS.

    Keys that were added later are left out where they are null: adding one changes no other record.
    """
    kept = _keep(to_dict(config), RECORDED_KEYS)
    later_keys = {"pool": LATER_KEYS, "data": OWN_KEYS, "model": {"order", *NULL_MEANS}, "measure": {"images"}}
    for section, later in later_keys.items():
        kept[section] = {key: value for key, value in kept[section].items() if value is not None or key not in later}
    return kept


def digest(config: RunConfig) -> str:
    """Compute twelve hexadecimal digits that stand for all that changes a result: the keys in RESULT_KEYS.

    Keys that are null are left out, so that a new optional key leaves older records valid.
    """
    sections = {name: vars(section) for name, section in vars(config).items() if dataclasses.is_dataclass(section)}
    text = json.dumps(_without_null(_keep(sections, RESULT_KEYS)), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def check_config(config: RunConfig) -> None:
    """Refuse what no data set could make sense of: wrong types, numbers out of range, keys that exclude each other.

    Geometry is checked by `plan_network`. Raises PoolscopeError with one sentence for the first such key.
    """
    for key, known in SETTINGS.items():
        section, _, name = key.rpartition(".")
        known.check(getattr(getattr(config, section) if section else config, name))
    model = config.model
    check_data(config.data)
    if config.data.memory == "batch" and (config.train.loop == "scan" or (config.train.seeds_at_once or 1) > 1):
        key = "train.loop=scan" if config.train.loop == "scan" else f"train.seeds_at_once={config.train.seeds_at_once}"
        raise PoolscopeError(f"{key} needs all images in memory; leave it out with data.memory=batch.")
    if not _last_filters(model) <= 100_000:
        raise PoolscopeError(
            f"model.width * model.growth^(model.blocks - 1) must be at most 100,000, not {_last_filters(model):g}."
        )
    _check_network(model)
    if not config.seeds:
        raise PoolscopeError("seeds is empty; give at least one, for instance seeds=[0,1,2].")
    if len(set(config.seeds)) < len(config.seeds):
        raise PoolscopeError(f"seeds must be different whole numbers, not {config.seeds}.")
    if not config.results.strip() or "\0" in config.results:
        raise PoolscopeError(f"results must name a folder, for instance results=results, not {config.results!r}.")
    if config.measure.images is not None and config.measure.name in _UNSHIFTED:
        raise PoolscopeError(
            f"measure.images counts images that are shifted and corrupted, and measure={config.measure.name} does "
            "neither; leave it out, or choose measure=quick, robust, invariance or full."
        )
    check_study(config.study)
    check_pool(config.pool)


def _check_network(model: ModelConfig) -> None:
    """Refuse shortcuts that have nothing to go around, or that would not fit, and dense layers without a head."""
    if model.residual and (model.convs or 1) % 2:
        raise PoolscopeError(
            f"model.residual=true puts a shortcut around every two convolutions of a block; model.convs must be even, "
            f"for instance 2, not {model.convs or 1}."
        )
    if model.residual and model.conv_padding == "VALID":
        raise PoolscopeError(
            "model.residual=true needs convolutions that keep the size; model.conv_padding must be SAME or CIRCULAR, "
            "not VALID."
        )
    if model.residual and model.order is not None:
        raise PoolscopeError(
            f"model.order must be null with model.residual=true, which normalises before the sum and pools after its "
            f"ReLU, not {model.order!r}."
        )
    if model.hidden and model.head == "none":
        raise PoolscopeError(
            "model.hidden has layers before a classifier, and model.head=none has none; leave one out."
        )


def _last_filters(model: ModelConfig) -> float:
    try:
        return model.width * model.growth ** (model.blocks - 1)
    except OverflowError:
        return math.inf


def _keep(content: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """The sections with these of their keys, such as data.name."""
    kept: dict[str, Any] = {}
    for section, _, name in (key.partition(".") for key in keys):
        kept.setdefault(section, {})[name] = content[section][name]
    return kept


def _without_null(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_null(value) for key, value in content.items() if value is not None}
    return content
