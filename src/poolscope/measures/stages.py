"""What a network's pooling stages keep: the measures of `information` on the activations before and after each pool.

Probes are fitted on images that the network was not trained on: validation images and, where those are too few, test
images that nothing is reported on. The images and the placed glyphs are the same for every network of a data set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from poolscope.data.datasets import Dataset
from poolscope.measures.information import (
    Estimate,
    Parts,
    Stimuli,
    aliasing_ratio,
    divide_groups,
    label_information,
    location_error,
    location_phase,
    participation_ratio,
    paste_glyphs,
    project_features,
    reconstruction_r2,
)
from poolscope.measures.operators import GLYPH_SIDE, read_glyphs
from poolscope.measures.torus import apply_on_torus
from poolscope.pooling import Pool
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Pair
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plan import Layer, Plan
from poolscope.training.augment import normalise
from poolscope.training.history import Weights
from poolscope.training.network import ConvNet
from poolscope.training.trainer import Trainer

FITTED, CHOSEN, REPORTED, PLACED = 3_000, 1_000, 1_000, 3_000
PROJECTED = 512  # features that the label is read from on either side of a pool
_ALIASED, _SPREAD = 200, 1_500  # images that aliasing and dimensions are measured on
_BATCH = 250

Columns = dict[str, Estimate]


@dataclass(frozen=True)
class Sample:
    """Images that stages are measured on, uint8, with labels and parts; glyphs placed on canvases of the same size."""

    images: np.ndarray
    labels: np.ndarray
    parts: Parts
    stimuli: Stimuli | None

    @classmethod
    def of(cls, dataset: Dataset, fitted: int = FITTED, chosen: int = CHOSEN) -> Sample:
        """The first test images are reported on; validation images, then the next test images, fit and choose."""
        val, test, wanted = dataset.val, dataset.test, fitted + chosen
        reported, short = min(len(test), REPORTED), max(0, wanted - len(val))
        pieces = ((val, slice(wanted)), (test, slice(reported, reported + short)), (test, slice(reported)))
        images, labels = (
            np.concatenate([getattr(split, name)[rows] for split, rows in pieces]) for name in ("images", "labels")
        )
        held = len(images) - reported
        fit = max(1, held * fitted // wanted)
        parts = Parts(np.arange(fit), np.arange(fit, held), np.arange(held, held + reported))
        height, width, channels = dataset.shape
        stimuli = None
        if height == width:
            stimuli = paste_glyphs(read_glyphs(min(GLYPH_SIDE, height)), height, PLACED)
            stimuli = dataclasses.replace(stimuli, images=np.repeat(stimuli.images, channels, axis=3))
        return cls(images, labels, parts, stimuli)


def check_counts(val: int, test: int) -> None:
    """Refuse so few validation and test images that none is left to choose a probe's penalty; see `Sample.of`."""
    if val + max(0, test - REPORTED) < 2:
        raise PoolscopeError(
            f"data.val names {val} image, and pooling stages are measured by probes that are fitted on some and chosen "
            "on others: use at least 2, or measure=basic."
        )


def measure_stages_quickly(trainer: Trainer, weights: Weights, dataset: Dataset) -> Columns:
    """For each pool: R^2 of its input from its output, cell by cell (I1), and aliasing (I2)."""
    sample = Sample.of(dataset, fitted=200, chosen=50)
    columns: Columns = {}
    for layer in _pools(trainer.plan):
        before, after = read_stage(trainer, weights, layer.name, sample.images[:450], dataset)
        parts = Parts(*(part[part < 450] for part in dataclasses.astuple(sample.parts)))
        columns |= _content(layer, before, after, parts) | _aliasing(trainer, weights, layer, before)
    return columns


def measure_stages(trainer: Trainer, weights: Weights, dataset: Dataset, sample: Sample) -> Columns:
    """For each pool, I1 and I2 as above, and before and after it: the image (I1), the label (I3), the place (I4), and
    the dimensions of a channel's map (I5)."""
    columns: Columns = {}
    for layer in _pools(trainer.plan):
        name, plan = layer.name, trainer.plan
        maps = read_stage(trainer, weights, name, sample.images, dataset)
        columns |= _content(layer, *maps, sample.parts) | _aliasing(trainer, weights, layer, maps[0])
        pictures = sample.images.astype(np.float32) / np.float32(255)
        projected = _projected(len(sample.parts.fit))
        for moment, side in zip(("before", "after"), maps, strict=True):
            jump, start = _alignment(plan, name, moment)
            columns[f"{name}_image_r2_{moment}"] = reconstruction_r2(
                pictures, side, context="local", stride=jump, offset=start, per_channel=False, parts=sample.parts
            )
            features = project_features(side.reshape(len(side), -1), projected)
            for probe, column in (("linear", "label_bits"), ("neighbours", "label_bits_near")):
                columns[f"{name}_{column}_{moment}"] = label_information(
                    features, sample.labels, parts=sample.parts, probe=probe
                )
            columns[f"{name}_dimensions_{moment}"] = _dimensions(side[sample.parts.fit][:_SPREAD])
        del maps
        if sample.stimuli is not None:
            columns |= _location(trainer, weights, layer, dataset, sample.stimuli)
    return columns


def read_stage(
    trainer: Trainer, weights: Weights, name: str, images: np.ndarray, dataset: Dataset, circular: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Activations (N, h, w, C) before and after one pool, float32, of uint8 images. circular: with wrapped convolutions
    in the place of zero-padded ones, which would give the place away; the weights fit both."""
    graph = _circular_graph(trainer) if circular else trainer.graph

    def activate(weights: Weights, batch: jax.Array) -> tuple[jax.Array, jax.Array]:
        model = nnx.merge(graph, weights.params, weights.rest, copy=True)
        _, found = model(normalise(batch, dataset.mean, dataset.std), train=False)
        return found[name]

    apply = jax.jit(activate)
    parts = [_batch(lambda rows: apply(weights, rows), batch) for batch in _batches(images)]
    before, after = (np.concatenate(side) for side in zip(*parts, strict=True))
    return before, after


def measure_effective_field(trainer: Trainer, weights: Weights, dataset: Dataset, count: int = 64) -> float:
    """Standard deviation in pixels, mean of both axes, of the squared gradient of the last pool's middle output with
    respect to the image, averaged over images: how far the network looks (Luo et al. 2016). NaN without pools."""
    pools = _pools(trainer.plan)
    if not pools:
        return float("nan")
    name = pools[-1].name
    row, column = (size // 2 for size in pools[-1].output[:2])

    def middle(images: jax.Array) -> jax.Array:
        _, activations, _ = trainer.apply(weights, images, train=False)
        return activations[name][1][:, row, column].sum()

    images = normalise(dataset.test.images[:count], dataset.mean, dataset.std)
    weight = np.asarray((jax.jit(jax.grad(middle))(images) ** 2).sum((0, 3)), np.float64)
    if not weight.any():
        return float("nan")
    places = np.indices(weight.shape)
    means = (weight * places).sum((1, 2)) / weight.sum()
    variances = (weight * (places - means[:, None, None]) ** 2).sum((1, 2)) / weight.sum()
    return float(np.sqrt(variances).mean())


def _content(layer: Layer, before: np.ndarray, after: np.ndarray, parts: Parts) -> Columns:
    assert layer.window is not None
    (top, _), (left, _) = layer.window.pads(*before.shape[1:3])
    r2 = reconstruction_r2(
        before, after, context="local", stride=layer.window.stride, offset=(-top, -left), parts=parts
    )
    return {f"{layer.name}_r2": r2}


def _aliasing(trainer: Trainer, weights: Weights, layer: Layer, before: np.ndarray) -> Columns:
    """The pool as trained, at stride 1 with wrapped edges."""
    pool = getattr(nnx.merge(trainer.graph, weights.params, weights.rest, copy=True), layer.name)
    column = f"{layer.name}_aliasing"
    if OPERATORS[pool.name].kind == "map":
        reason = "the operator sees the whole map and has no form at stride 1"
        return {column: Estimate(value=float("nan"), unit="share of AC energy", n=0, d=0, reason=reason)}
    stride = pool.window.stride
    return {column: aliasing_ratio(_apply_at_stride1(pool, before[:_ALIASED]), stride)}


def _apply_at_stride1(pool: Pool, maps: np.ndarray) -> np.ndarray:
    margin = max(k * d for k, d in zip(pool.window.size, pool.window.dilation, strict=True)) + 8
    pool.window = dataclasses.replace(pool.window, stride=(1, 1), padding="VALID")
    apply = jax.jit(lambda given: pool(given, deterministic=True))
    return apply_on_torus(apply, maps, (margin, margin))


def _location(trainer: Trainer, weights: Weights, layer: Layer, dataset: Dataset, stimuli: Stimuli) -> Columns:
    circular = trainer.config.model.conv_padding == "SAME"
    maps = read_stage(trainer, weights, layer.name, stimuli.images, dataset, circular=circular)
    groups, side = divide_groups(stimuli.glyphs), stimuli.images.shape[1]
    jump = layer.jump[0]
    columns: Columns = {}
    for moment, activations in zip(("before", "after"), maps, strict=True):
        error = location_error(activations, stimuli.places, side, parts=groups)
        columns[f"{layer.name}_location_rmse_{moment}"] = error
        own = _alignment(trainer.plan, layer.name, moment)[0][0]
        if layer.jump[0] == layer.jump[1] and jump > 1:
            columns[f"{layer.name}_phase_{moment}"] = location_phase(
                activations, stimuli.places, jump, map_jump=own, parts=groups
            )
    return columns


def _dimensions(maps: np.ndarray) -> Estimate:
    """Participation ratio of each channel's map, averaged over the channels in which anything varies."""
    found = [participation_ratio(maps[..., channel]) for channel in range(maps.shape[3])]
    known = [one for one in found if one.known]
    if not known:
        return found[0]
    return dataclasses.replace(known[0], value=float(np.mean([one.value for one in known])))


def _pools(plan: Plan) -> list[Layer]:
    return [layer for layer in plan.layers if layer.kind == "pool"]


def _alignment(plan: Plan, name: str, moment: str) -> tuple[Pair, Pair]:
    """Pixels between neighbours of a stage's map, and where in the image the first one's cell begins.

    start_l = start_(l-1) + ((k - 1) d / 2 - pad) j_(l-1) is the middle of the first receptive field (Araujo et al.
    2019); a cell of j pixels around it begins (j - 1) / 2 before.
    """
    starts, jumps, shape = [0.0, 0.0], [1, 1], plan.input
    for layer in plan.layers:
        if layer.name == name and moment == "before":
            break
        if layer.window is not None and layer.kind != "shortcut":
            pads = layer.window.pads(*shape[:2])
            for axis in (0, 1):
                spread = (layer.window.size[axis] - 1) * layer.window.dilation[axis]
                starts[axis] += (spread / 2 - pads[axis][0]) * jumps[axis]
                jumps[axis] *= layer.window.stride[axis]
        shape = layer.output
        if layer.name == name:
            break
    begin = tuple(int(np.floor(start - (jump - 1) / 2 + 0.5)) for start, jump in zip(starts, jumps, strict=True))
    return (jumps[0], jumps[1]), (begin[0], begin[1])


def _projected(fitted: int) -> int:
    """Features to read the label from: a power of two with at least five images for each, at most PROJECTED."""
    return min(PROJECTED, 1 << max(0, (fitted // 5).bit_length() - 1))


def _circular_graph(trainer: Trainer) -> nnx.GraphDef:
    model = dataclasses.replace(trainer.config.model, conv_padding="CIRCULAR")
    config = dataclasses.replace(trainer.config, model=model)
    return nnx.split(nnx.eval_shape(lambda: ConvNet(config, trainer.plan, jax.random.key(0))), nnx.Param, ...)[0]


def _batches(images: np.ndarray) -> list[np.ndarray]:
    return [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]


def _batch(
    apply: Callable[[jax.Array], tuple[jax.Array, jax.Array]], rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One batch, filled up to the common size so that one program serves all."""
    spare = _BATCH - len(rows)
    filled = np.pad(rows, ((0, spare), (0, 0), (0, 0), (0, 0)), mode="edge")
    before, after = apply(jnp.asarray(filled))
    return np.asarray(before, np.float32)[: len(rows)], np.asarray(after, np.float32)[: len(rows)]
