"""Training: a pure, compiled step; epochs; full evaluation; the fit of one seed, or of several in one program.

Every random number comes from the seed, the name of its stream and the step, never from a running generator: two arms
of a comparison see the same images in the same order under the same shifts, whatever their pooling draws.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array, lax

from poolscope.data.datasets import Dataset
from poolscope.data.splits import Split
from poolscope.process.interrupts import check
from poolscope.spec.config import RunConfig, TrainConfig
from poolscope.spec.plan import Plan
from poolscope.training.augment import augment, normalise
from poolscope.training.batches import BatchReader
from poolscope.training.checkpoint import Checkpoint
from poolscope.training.devices import Devices, make_mesh
from poolscope.training.history import Evaluation, History, Trained, Weights
from poolscope.training.initial import Drawing
from poolscope.training.network import Activations, ConvNet
from poolscope.training.optimiser import learning_rates, make_optimiser, move
from poolscope.training.placement import (
    EpochData,
    PlacedSplit,
    SeedAxes,
    place_order,
    place_split,
    place_statistics,
    place_training,
)
from poolscope.training.streams import stream_key
from poolscope.training.timetable import cut_at_epochs, evaluation_steps

_HELD_OUT = ("train_eval", "val")  # the splits that are evaluated during training

Watch = Callable[[int, dict[str, float]], None]


class TrainState(NamedTuple):
    """All that a step changes: parameters, running statistics, the optimiser's state, and the number of steps taken."""

    params: nnx.State
    rest: nnx.State
    optimiser: Any
    step: Array

    @property
    def weights(self) -> Weights:
        """What predicts after these steps."""
        return Weights(self.params, self.rest)


@dataclass
class _Fit:
    """Seeds that are trained together, after `step` steps.

    best: copies on the host, which no step donates; epoch: the one whose order the data has; losses: of the steps since
    the last evaluation; speeds: images per second of each stretch between evaluations; reader: of the batches of images
    that aren't in memory.
    """

    state: TrainState
    data: EpochData
    best: Weights
    histories: list[History]
    epoch: int = 0
    step: int = 0
    losses: list[Any] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    reader: BatchReader | None = None


class Trainer:
    """The compiled programs of one configuration, shared by its seeds so that each is compiled once.

    seeds: how many are trained together. Arrays of one seed have no axis for it; those of several lead with it.
    """

    def __init__(self, config: RunConfig, plan: Plan, train_size: int, seeds: int = 1) -> None:
        self.config, self.plan = config, plan
        self.devices = Devices(make_mesh(config.train, train_size, seeds), seeds)
        self.mesh = self.devices.mesh
        self.steps_per_epoch = train_size // config.train.batch_size
        self.steps = config.train.steps or config.train.epochs * self.steps_per_epoch
        self.optimiser = make_optimiser(config.optim)
        self.scans = config.data.memory != "batch" and uses_scan(config.train, jax.default_backend())
        self._compiled_beside = False
        self._drawings: dict[str, Drawing] = {}
        self._step = jax.jit(self._train_step, donate_argnums=0)
        self._epoch = jax.jit(self._train_chunk, donate_argnums=0, static_argnames="count")
        self._evaluate = jax.jit(self._evaluate_batch, static_argnames="axes")
        self._rates = learning_rates(config.optim, self.steps)
        self._placed_rates = self.devices.place(self._rates)

    @cached_property
    def graph(self) -> Any:
        """The network without its values."""
        network = nnx.eval_shape(lambda: ConvNet(self.config, self.plan, jax.random.key(0)))
        return nnx.split(network, nnx.Param, ...)[0]

    def initialise(self, seed: int) -> TrainState:
        """The state before the first step."""
        network = ConvNet(self.config, self.plan, stream_key(seed, "init"), self._drawings)
        self.graph, params, rest = nnx.split(network, nnx.Param, ...)  # type: ignore[misc]
        shapes = jax.eval_shape(self.optimiser.init, params)  # each optimiser of ours starts from zeros
        optimiser = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        step: Any = np.zeros((), np.int32)
        state: TrainState = self.devices.place(TrainState(params, rest, optimiser, step))
        return state

    def fit(
        self, dataset: Dataset, seed: int, watch: Watch | None = None, checkpoint: Checkpoint | None = None
    ) -> Trained:
        """Train from scratch, or resume from a checkpoint; `watch(step, values)` is called after each evaluation.

        A loss that is not finite ends the fit as "diverged". A fit that resumes ends with the same bits as one that was
        never interrupted. Raises KeyboardInterrupt between two steps where the process was asked to stop, and keeps a
        checkpoint of the steps so far.
        """
        return self.fit_together([dataset], [seed], watch, checkpoint)[0]

    def fit_together(
        self,
        datasets: Sequence[Dataset],
        seeds: Sequence[int],
        watch: Watch | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> list[Trained]:
        """Train several seeds in one program, each on its own data; one seed is trained without an axis for it.

        Each ends as `fit` alone would end it, up to rounding; one that diverges leaves the others alone. `watch` gets
        the values of the first one that hasn't diverged; images_per_second counts the images of all.
        """
        fit = self._start(datasets, seeds, checkpoint)
        splits = {name: self.place_split(*(getattr(dataset, name) for dataset in datasets)) for name in _HELD_OUT}
        beside, evaluations = self._compile_beside(fit.best, splits["val"], datasets), {}
        evaluated = fit.step - len(self._stack_losses(fit, seeds)[0])
        for last in evaluation_steps(self.steps, self.steps_per_epoch, evaluated):
            try:
                self._train_until(fit, seeds, last)
                beside.result()
                evaluations = {
                    name: self.evaluate_together(fit.state.weights, split, datasets) for name, split in splits.items()
                }
            except KeyboardInterrupt:
                if checkpoint and checkpoint.wanted and fit.step:
                    self._save(fit, seeds, checkpoint)
                raise
            improved = self._record(fit, self._stack_losses(fit, seeds), evaluations)
            fit.losses = []
            if watch:
                shown = next((history for history in fit.histories if not history.reason), fit.histories[0])
                watch(last, {name: values[-1] for name, values in shown.curves.items()})
            if all(history.reason for history in fit.histories):
                break
            if any(improved):
                fit.best = _choose(improved, fit.state.weights, fit.best)
            if checkpoint and checkpoint.due(last / self.steps_per_epoch):
                self._save(fit, seeds, checkpoint)
        if checkpoint and fit.step == self.steps and checkpoint.due_at_end():
            self._save(fit, seeds, checkpoint)
        ends = zip(fit.histories, self.devices.part(fit.state.weights), self.devices.part(fit.best), strict=True)
        trained = [history.end(final, best, float(np.median(fit.speeds))) for history, final, best in ends]
        if len(seeds) > 1:
            return trained
        return [replace(trained[0], evaluations={name: found for name, (found,) in evaluations.items()})]

    def advance(self, state: TrainState, data: EpochData, start: int, count: int) -> tuple[TrainState, list[Array]]:
        """Take `count` steps from the batch `start` of an epoch on; `state` is donated. Returns the losses too."""
        if self.scans:
            check()
            state, losses = self._epoch(state, data, self._placed_rates, start, count=count)
            return state, [losses]
        taken = []
        for position in range(start, start + count):
            check()
            state, loss = self._step(state, data, self._placed_rates, position)
            taken.append(loss)
        return state, taken

    def evaluate(self, weights: Weights, split: PlacedSplit, dataset: Dataset) -> Evaluation:
        """Loss and accuracy on every example of a placed split: no augmentation, no dropout, deterministic pooling."""
        return self.evaluate_together(weights, split, [dataset])[0]

    def evaluate_together(self, weights: Weights, split: PlacedSplit, datasets: Sequence[Dataset]) -> list[Evaluation]:
        """The evaluations of seeds that are trained together."""
        *results, activations = zip(*self._evaluate_split(weights, split, datasets), strict=True)
        losses, predictions = (
            np.atleast_2d(np.concatenate(part, -1)[..., : split.size]) for part in jax.device_get(results)
        )
        correct = predictions == np.concatenate(jax.device_get(split.labels), -1)[..., : split.size]
        firsts = activations[:1] if len(datasets) == 1 else [{}] * len(datasets)
        return [
            Evaluation(float(loss.mean(dtype=np.float64)), float(right.mean()), predicted, right, first)
            for loss, right, predicted, first in zip(losses, correct, predictions, firsts, strict=True)
        ]

    def place_split(self, *splits: Split) -> PlacedSplit:
        """A split on the devices, or one for each seed, in batches that one evaluation program serves."""
        return place_split(self.devices, self.config.train.eval_batch_size, splits)

    def apply(
        self, weights: Weights, images: Array, *, train: bool, key: Array | None = None
    ) -> tuple[Array, Activations, nnx.State]:
        """Logits, activations around each pool, and new running statistics, of normalised images (N, H, W, C)."""
        model = nnx.merge(self.graph, weights.params, weights.rest, copy=True)
        logits, activations = model(images, train=train, key=key)
        rest: nnx.State = nnx.split(model, nnx.Param, ...)[2]  # type: ignore[misc]
        return logits, activations, rest

    def _start(self, datasets: Sequence[Dataset], seeds: Sequence[int], checkpoint: Checkpoint | None) -> _Fit:
        """The fit before its first step, or as the checkpoint has it."""
        state = self.devices.join([self.initialise(seed) for seed in seeds])
        reader = None
        if self.config.data.memory == "batch":
            reader = BatchReader(self.devices, datasets[0], seeds[0], self.config.train.batch_size)
        data = reader.first if reader else place_training(self.devices, datasets, seeds)
        fit = _Fit(state, data, _to_host(state.weights), [History() for _ in seeds], reader=reader)
        if checkpoint and (saved := checkpoint.load((fit.state, fit.best))):
            (state, fit.best), numbers = saved
            fit.state = jax.device_put(state, self.devices.by_seed)
            fit.histories = [History(**history) for history in numbers["courses"]]
            fit.step, fit.speeds = numbers["step"], numbers["speeds"]
            fit.losses = [np.array(numbers.get("losses", ()), np.float32).T]
        return fit

    def _compile_beside(self, best: Weights, split: PlacedSplit, datasets: Sequence[Dataset]) -> Future[None]:
        """Compile the program that evaluates, once, in a thread beside the compilation of the step."""

        def compile_evaluation() -> None:
            weights = jax.device_put(best, self.devices.by_seed)
            first = split._replace(images=split.images[:1], labels=split.labels[:1])
            self._evaluate_split(weights, first, datasets)

        executor = ThreadPoolExecutor(1)
        future = executor.submit((lambda: None) if self._compiled_beside else compile_evaluation)
        executor.shutdown(wait=False)
        self._compiled_beside = True
        return future

    def _save(self, fit: _Fit, seeds: Sequence[int], checkpoint: Checkpoint) -> None:
        histories = [asdict(history) for history in fit.histories]
        epoch, losses = fit.step / self.steps_per_epoch, self._stack_losses(fit, seeds).tolist()
        numbers = {"epoch": epoch, "step": fit.step, "speeds": fit.speeds, "courses": histories, "losses": losses}
        checkpoint.save((fit.state, fit.best), numbers)

    def _train_until(self, fit: _Fit, seeds: Sequence[int], last: int) -> None:
        """Train up to step `last`; one asked to stop has the fit as it is after its last step."""
        first, began = fit.step, time.perf_counter()
        for epoch, start, count in cut_at_epochs(first, last, self.steps_per_epoch):
            if epoch != fit.epoch and not fit.reader:
                order = place_order(self.devices, seeds, epoch, fit.data.labels.shape[-1])
                fit.data, fit.epoch = replace(fit.data, order=order), epoch
            at_once = count if self.scans else 1
            for position in range(start, start + count, at_once):
                data, at = (fit.reader.read(epoch, position), 0) if fit.reader else (fit.data, position)
                fit.state, taken = self.advance(fit.state, data, at, at_once)
                fit.losses += taken
                fit.step += at_once
        jax.block_until_ready(fit.losses)
        if last > first:
            elapsed = time.perf_counter() - began
            fit.speeds.append(len(seeds) * (last - first) * self.config.train.batch_size / elapsed)

    def _stack_losses(self, fit: _Fit, seeds: Sequence[int]) -> np.ndarray:
        """The losses of the steps since the last evaluation, (seeds, steps)."""
        parts = [np.reshape(loss, (-1, len(seeds))) for loss in jax.device_get(fit.losses)]
        return np.concatenate([np.empty((0, len(seeds)), np.float32), *parts]).T.copy()

    def _record(self, fit: _Fit, losses: np.ndarray, evaluations: dict[str, list[Evaluation]]) -> list[bool]:
        """Add an evaluation to the history of each seed; returns which have their least validation loss so far."""
        improved = []
        for index, history in enumerate(fit.histories):
            values = {
                "epoch": fit.step / self.steps_per_epoch,
                "step": float(fit.step),
                "learning_rate": float(self._rates[fit.step - 1]),
                "train_loss": float(np.mean(losses[index])),
            }
            for name, found in evaluations.items():
                values |= {f"{name}_loss": found[index].loss, f"{name}_accuracy": found[index].accuracy}
            improved.append(history.add(values, self.steps))
        return improved

    def _train_step(
        self, state: TrainState, data: EpochData, rates: Array, position: Array
    ) -> tuple[TrainState, Array]:
        if self.devices.seeds == 1:
            return self._train_seed(state, data, rates, position)
        axes: Any = EpochData(*data.axes, mean=0, std=0, order=0, keys=0, axes=data.axes)  # type: ignore[arg-type]
        return jax.vmap(self._train_seed, (0, axes, None, None), spmd_axis_name="seed")(state, data, rates, position)

    def _train_seed(
        self, state: TrainState, data: EpochData, rates: Array, position: Array
    ) -> tuple[TrainState, Array]:
        size = self.config.train.batch_size
        rows = lax.dynamic_slice(data.order, (position * size,), (size,))
        batch, truth = data.images[rows], data.labels[rows]
        batch, truth = lax.with_sharding_constraint((batch, truth), self.devices.spread("batch"))
        keys = {name: jax.random.fold_in(key, state.step) for name, key in data.keys.items()}
        batch = augment(keys["augment"], batch, self.config.train.shift, self.config.train.flip)
        batch = normalise(batch, data.mean, data.std)

        def loss_of(params: nnx.State) -> tuple[Array, nnx.State]:
            logits, _, rest = self.apply(Weights(params, state.rest), batch, train=True, key=keys["forward"])
            return optax.softmax_cross_entropy_with_integer_labels(logits, truth).mean(), rest

        (loss, rest), grads = jax.value_and_grad(loss_of, has_aux=True)(state.params)
        updates, optimiser = self.optimiser.update(grads, state.optimiser, state.params)
        return TrainState(move(state.params, updates, rates[state.step]), rest, optimiser, state.step + 1), loss

    def _train_chunk(
        self, state: TrainState, data: EpochData, rates: Array, start: Array, count: int
    ) -> tuple[TrainState, Array]:
        state, losses = lax.scan(
            lambda carried, position: self._train_step(carried, data, rates, position), state, start + jnp.arange(count)
        )
        return state, losses

    def _evaluate_batch(
        self,
        weights: Weights,
        images: Array,
        labels: Array,
        mean: Array,
        std: Array,
        axes: SeedAxes | None,
    ) -> tuple[Array, Array, Activations]:
        """Loss and predicted class of each example, and the first one's activations around each pool.

        axes: those of seeds of images and labels; None for one seed.
        """
        if axes is not None:
            evaluate = partial(self._evaluate_batch, axes=None)
            return jax.vmap(evaluate, (0, *axes, 0, 0), spmd_axis_name="seed")(weights, images, labels, mean, std)
        logits, activations, _ = self.apply(weights, normalise(images, mean, std), train=False)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses, logits.argmax(-1), jax.tree.map(lambda maps: maps[:1], activations)

    def _evaluate_split(
        self, weights: Weights, split: PlacedSplit, datasets: Sequence[Dataset]
    ) -> list[tuple[Array, Array, Activations]]:
        """What `_evaluate_batch` returns for each batch, on the devices."""
        mean, std = place_statistics(self.devices, datasets)
        axes = split.axes if len(datasets) > 1 else None
        results = []
        for images, labels in zip(split.images, split.labels, strict=True):
            check()
            results.append(self._evaluate(weights, images, labels, mean, std, axes=axes))
        return results


def uses_scan(config: TrainConfig, back_end: str) -> bool:
    """Whether a chunk of steps is one compiled loop (train.loop; "auto": on accelerators)."""
    return config.loop == "scan" or (config.loop == "auto" and back_end != "cpu")


def _to_host(tree: Any) -> Any:
    """A copy of every array on the host."""
    return jax.tree.map(np.array, jax.device_get(tree))


def _choose(improved: Sequence[bool], weights: Weights, best: Weights) -> Weights:
    """Copies on the host of the weights that improved, for one seed or for each of several; else the best until now."""
    now: Weights = _to_host(weights)
    if len(improved) == 1:
        return now
    return jax.tree.map(
        lambda new, old: np.where(np.reshape(improved, (-1,) + (1,) * (new.ndim - 1)), new, old), now, best
    )
