"""The schema of a run: every key, its type and its default, and the checks that need no data.

Hydra composes the YAML files under configs/ over these dataclasses; a key that is not here is a typo, a value that does
not convert is a wrong type. `check_config` refuses what types can't, each with one sentence; `digest` names a result.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import make_window
from poolscope.spec.operators import OPERATORS

HEADS = ("flatten", "avg", "max", "grid", "none")
NORMS = ("none", "batch", "layer", "group")
CONV_PADDINGS = ("SAME", "VALID", "CIRCULAR")
PLACEMENTS = ("early", "spread", "late")
OPTIMISERS = ("sgd", "adam", "adamw")
SCHEDULES = ("constant", "cosine", "linear")
PRECISIONS = ("float32", "bfloat16")
LOOPS = ("auto", "step", "scan")
SOURCES = ("digits", "synthetic", "tfds")
MEASURES = ("none", "basic", "quick", "robust", "full")
COMMON_OPTIONS = ("window", "stride", "padding")  # of every operator
MOST = 2**31 - 1
MOST_SEED = 2**32 - 1  # JAX reads 32 bits of a seed: 2^32 would repeat seed 0


@dataclass
class DataConfig:
    """A data set, its splits and what is done to its images."""

    name: str = MISSING  # the data set; with source tfds, a name of the tensorflow-datasets catalogue
    source: str = "tfds"  # who reads it: digits, synthetic or tfds
    train: str = "train[:90%]"  # images to train on, as a TFDS split string
    val: str = "train[90%:]"  # images for curves and choices; never trained on
    test: str = "test"  # images read once, when a run ends
    train_size: int | None = None  # class-balanced, nested subset of this many training images; null: all of them
    train_eval_size: int = 1000  # clean training images evaluated like the test images
    label_noise: float = 0.0  # fraction of training labels moved to another class
    pad_to: int | None = None  # zero-pad images to this height and width; null: as they are
    shape: list[int] | None = None  # height, width, channels; null: asked of the data set
    classes: int | None = None  # number of classes; null: asked of the data set
    dir: str | None = None  # folder of prepared data sets; null: TFDS_DATA_DIR, else TFDS's own default


@dataclass
class ModelConfig:
    """The CNN family: blocks of convolution, normalisation and ReLU, pooled after some of them, then a head."""

    blocks: int = 3  # convolution blocks; 0: the head reads the (pooled) images
    pool_stages: int = 2  # how many blocks are followed by pooling
    pool_after: Any = "spread"  # which ones: early, spread, late, or block numbers from 1 (0: the images)
    width: int = 16  # filters of the first block
    growth: float = 2.0  # factor on the filters from block to block
    kernel: int = 3  # height and width of a filter
    conv_padding: str = "SAME"  # SAME, VALID or CIRCULAR
    norm: str = "none"  # none, batch, layer or group
    dropout: float = 0.0  # fraction of features dropped before the head
    head: str = "avg"  # flatten, avg (global average), max (global max), grid (fixed grid of means), none
    grid: int = 2  # side of the fixed grid when head is grid
    dense: bool = False  # a-trous control: pools at stride 1, later layers dilated instead


@dataclass
class PoolConfig:
    """The pooling operator; keys that are null take the operator's default or don't concern it."""

    name: str = MISSING  # the operator; `poolscope list pools` shows them all
    window: Any = 2  # cells a window spans, as a number or [height, width]
    stride: Any = None  # step from window to window; null: the window
    padding: Any = "VALID"  # VALID, SAME, a number, or [[top, bottom], [left, right]]
    p: float | None = None  # lp, gem: exponent
    eps: float | None = None  # gem: smallest value let in
    beta: float | None = None  # lse, soft: sharpness
    alpha: float | None = None  # mixed: initial share of max; ada: of edscw
    filter_size: int | None = None  # taps of a binomial blur before the subsampling (anti-aliasing); null: no blur
    dilation: Any = None  # distance between the cells of a window, as a number or [height, width]; null: 1
    gradient: str | None = None  # soft, edscw, em, ada: full, or truncated (constant weights, as the authors' kernels)
    count_include_pad: bool | None = None  # avg: divide by the whole window where it overlaps padding
    learn: bool | None = None  # learn the operator's own numbers by gradient descent
    depth: int | None = None  # tree: levels of gates
    full: bool | None = None  # dpp: smooth with a learned filter instead of the window's mean
    asymmetric: bool | None = None  # dpp: preserve bright details only
    smoothness: float | None = None  # diffstride: width of the mask's ramp, in frequencies
    overlapping: bool | None = None  # fractional_max: regions share their border
    pseudorandom: bool | None = None  # fractional_max: evenly spread cuts with a random start, not a random order
    grid: int | None = None  # s3: cells of the grid, a multiple of the stride; null: the stride
    norm: str | None = None  # aps: l2, l1 or linf
    hidden: int | None = None  # lps: width of the scoring network
    tau: float | None = None  # lps: temperature of the mixture
    bands: str | None = None  # lift: low, or sum of all four bands


@dataclass
class OptimConfig:
    """Optimiser and learning-rate schedule."""

    name: str = "sgd"  # sgd, adam or adamw
    learning_rate: float = 0.05  # at the peak of the schedule
    schedule: str = "cosine"  # constant, cosine or linear (both to 0)
    warmup: float = 0.0  # fraction of the steps that the rate rises linearly from 0
    momentum: float = 0.9  # sgd only
    nesterov: bool = False  # sgd only
    weight_decay: float = 0.0  # per step, decoupled in adamw, on weights but not on biases
    clip_norm: float | None = None  # largest global norm of a gradient; null: unclipped


@dataclass
class TrainConfig:
    """How long and in which pieces to train."""

    epochs: int = 10  # passes over the training images
    steps: int | None = None  # optimiser steps instead of epochs; null: epochs decide
    batch_size: int = 64  # images a step
    eval_batch_size: int = 250  # images evaluated at a time; changes speed and memory only
    shift: int = 0  # augmentation: largest random shift in pixels, zero-filled
    flip: bool = False  # augmentation: random left-right mirroring
    precision: str = "float32"  # of activations: float32 or bfloat16 (weights stay float32)
    loop: str = "auto"  # step (one dispatch a step), scan (one an epoch) or auto (by back end)
    devices: int | None = None  # how many devices to use; null: as many as the seeds trained together and a batch share
    seeds_at_once: int | None = None  # seeds trained together in one program; null: all, but 1 on a CPU
    checkpoint_every: int | None = None  # epochs between checkpoints; 0: none; null: one every five minutes


@dataclass
class MeasureConfig:
    """What is measured on a trained network beyond accuracy and loss."""

    name: str = "basic"


@dataclass
class RunConfig:
    """One configuration, trained once for every seed."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    seeds: list[int] = field(default_factory=lambda: [0])  # one run and one record each
    study: str = "adhoc"  # name of the study that the records belong to
    results: str = "results"  # folder of studies and records


@dataclass
class Request(RunConfig):
    """What Hydra composes: a run, and numbers that its YAML files look up and that are no part of it."""

    rates: dict[str, Any] = field(default_factory=dict)  # tuned learning rates, for ${rates.<data>.<arm>}


def to_config(composed: DictConfig) -> RunConfig:
    """The typed, checked configuration of what Hydra composed.

    Raises PoolscopeError with one sentence that names the key, the value and what would fit.
    """
    missing = sorted(OmegaConf.missing_keys(composed))
    if missing:
        key = missing[0]
        examples = {"data.name": "data=mnist or data.name=kmnist", "pool.name": "pool=max"}
        example = f", for instance {examples[key]}" if key in examples else ""
        raise PoolscopeError(f"{key} is not set; give it on the command line{example}.")
    content = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(content, dict)
    content.pop("rates", None)
    merged = OmegaConf.merge(OmegaConf.structured(RunConfig), OmegaConf.create(content))
    config = OmegaConf.to_object(merged)
    assert isinstance(config, RunConfig)
    check_config(config)
    return config


def to_dict(config: RunConfig) -> dict[str, Any]:
    """The configuration as nested plain dictionaries, as it goes into a record."""
    return dataclasses.asdict(config)


def digest(config: RunConfig) -> str:
    """Twelve hexadecimal digits that name all that changes a result: everything but seeds, study and folders.

    Keys that are null are left out, so that a new optional key leaves older records valid.
    """
    content = to_dict(config)
    for key in ("seeds", "study", "results"):
        del content[key]
    del content["data"]["dir"]
    for key in ("devices", "loop", "eval_batch_size", "checkpoint_every", "seeds_at_once"):
        del content["train"][key]
    text = json.dumps(_without_null(content), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def check_config(config: RunConfig) -> None:
    """Refuse values that no data set could make sense of; geometry is checked by `architecture.plan_network`."""
    data, model, train, optim = config.data, config.model, config.train, config.optim
    _one_of("data.source", data.source, SOURCES)
    if data.name != data.source and (data.source != "tfds" or not data.name):
        raise PoolscopeError(
            f"data.name={data.name} is not what data.source={data.source} reads; choose a data set with data=mnist, "
            "data=cifar10, data=digits, data=synthetic, or data=tfds data.name=..."
        )
    _one_of("model.head", model.head, HEADS)
    _one_of("model.norm", model.norm, NORMS)
    _one_of("model.conv_padding", model.conv_padding, CONV_PADDINGS)
    _one_of("optim.name", optim.name, OPTIMISERS)
    _one_of("optim.schedule", optim.schedule, SCHEDULES)
    _one_of("train.precision", train.precision, PRECISIONS)
    _one_of("train.loop", train.loop, LOOPS)
    _one_of("measure.name", config.measure.name, MEASURES)
    for key, value, least, most in (
        ("data.train_eval_size", data.train_eval_size, 1, MOST),
        ("data.train_size", data.train_size, 1, MOST),
        ("data.pad_to", data.pad_to, 1, 10_000),
        ("data.classes", data.classes, 2, 100_000),
        ("model.blocks", model.blocks, 0, 1_000),
        ("model.pool_stages", model.pool_stages, 0, 1_000),
        ("model.width", model.width, 1, 100_000),
        ("model.kernel", model.kernel, 1, 101),
        ("model.grid", model.grid, 1, 10_000),
        ("train.epochs", train.epochs, 1, 100_000),
        ("train.steps", train.steps, 1, 100_000_000),
        ("train.batch_size", train.batch_size, 1, MOST),
        ("train.eval_batch_size", train.eval_batch_size, 1, MOST),
        ("train.shift", train.shift, 0, 10_000),
        ("train.devices", train.devices, 1, 10_000),
        ("train.seeds_at_once", train.seeds_at_once, 1, 10_000),
        ("train.checkpoint_every", train.checkpoint_every, 0, 100_000),
    ):
        if value is not None and not least <= value <= most:
            raise PoolscopeError(f"{key} must be from {least} to {most}, not {value}.")
    _within("data.label_noise", data.label_noise, 0, 1)
    _within("model.dropout", model.dropout, 0, 1, top_open=True)
    _within("optim.warmup", optim.warmup, 0, 1, top_open=True)
    _within("optim.momentum", optim.momentum, 0, 1, top_open=True)
    _within("optim.weight_decay", optim.weight_decay, 0, math.inf, top_open=True)
    _positive("optim.learning_rate", optim.learning_rate)
    _positive("model.growth", model.growth)
    if optim.clip_norm is not None:
        _positive("optim.clip_norm", optim.clip_norm)
    _positive("model.width * model.growth^(model.blocks - 1)", _last_filters(model), most=100_000)
    if data.shape is not None and not (len(data.shape) == 3 and _whole(data.shape, 1, 10_000)):
        raise PoolscopeError(f"data.shape must be [height, width, channels], each from 1 to 10000, not {data.shape}.")
    if not config.seeds:
        raise PoolscopeError("seeds is empty; give at least one, for instance seeds=[0,1,2].")
    if not _whole(config.seeds, 0, MOST_SEED) or len(set(config.seeds)) < len(config.seeds):
        raise PoolscopeError(f"seeds must be different whole numbers from 0 to {MOST_SEED}, not {config.seeds}.")
    if not config.results.strip():
        raise PoolscopeError(f"results must name a folder, for instance results=results, not {config.results!r}.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", config.study) or config.study == "runs":
        raise PoolscopeError(
            f"study must be a folder name of letters, digits, '_', '-' and '.' (not 'runs'), not {config.study!r}."
        )
    check_pool(config.pool)


def check_pool(pool: PoolConfig) -> None:
    """Refuse an unknown operator, an option it doesn't take, and a window that is none."""
    _one_of("pool.name", pool.name, tuple(OPERATORS))
    make_window(pool.window, pool.stride, pool.padding, prefix="pool.")
    takes = OPERATORS[pool.name].options
    given = pool_options(pool)
    for option in given:
        if option not in takes:
            own = ", ".join((*COMMON_OPTIONS, *takes))
            raise PoolscopeError(f"pool {pool.name!r} takes {own}; got {option}={given[option]}.")


def pool_options(pool: PoolConfig) -> dict[str, Any]:
    """The options that were given to the operator beside window, stride and padding."""
    values = {entry.name: getattr(pool, entry.name) for entry in dataclasses.fields(pool)}
    common = ("name", *COMMON_OPTIONS)
    return {name: value for name, value in values.items() if name not in common and value is not None}


def _one_of(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise PoolscopeError(f"{key} must be one of {', '.join(choices)}, not {value!r}.")


def _within(key: str, value: float, low: float, high: float, top_open: bool = False) -> None:
    if not (low <= value <= high) or (top_open and value == high):
        bounds = (
            f"from {low:g} to {'below ' if top_open else ''}{high:g}" if math.isfinite(high) else f"at least {low:g}"
        )
        raise PoolscopeError(f"{key} must be {bounds}, not {value:g}.")


def _positive(key: str, value: float, most: float = math.inf) -> None:
    if not (0 < value <= most and math.isfinite(value)):
        bounds = "finite" if math.isinf(most) else f"at most {most:,}"
        raise PoolscopeError(f"{key} must be above 0 and {bounds}, not {value:g}.")


def _whole(values: list[Any], least: int, most: int) -> bool:
    """Whether all are whole numbers in the range; inside a list of lists, OmegaConf doesn't check."""
    return all(isinstance(value, int) and least <= value <= most for value in values)


def _last_filters(model: ModelConfig) -> float:
    try:
        return model.width * model.growth ** (model.blocks - 1)
    except OverflowError:
        return math.inf


def _without_null(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_null(value) for key, value in content.items() if value is not None}
    return content
