"""Training: a pure, compiled step; epochs; full evaluation; the fit of one seed, or of several in one program.

Every random number comes from the seed, the name of its stream and the step, never from a running generator: two arms
of a comparison see the same images in the same order under the same shifts, whatever their pooling draws.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array, lax

from poolscope.data.datasets import Dataset
from poolscope.data.splits import Split
from poolscope.spec.config import RunConfig, TrainConfig
from poolscope.spec.plan import Plan
from poolscope.training.augment import augment, normalise
from poolscope.training.checkpoint import Checkpoint
from poolscope.training.devices import Devices, choose_seeds, make_mesh
from poolscope.training.network import ConvNet, Taps
from poolscope.training.optimiser import make_optimiser, make_schedule

STREAMS = ("init", "order", "augment", "forward")
_MOST_EVALUATIONS = 100


class TrainState(NamedTuple):
    """All that a step changes: parameters, running statistics, the optimiser's state, and the number of steps taken."""

    params: nnx.State
    rest: nnx.State
    optimiser: Any
    step: Array


class Weights(NamedTuple):
    """What a network needs to predict: parameters and running statistics."""

    params: nnx.State
    rest: nnx.State


@dataclass(frozen=True)
class Evaluation:
    """A network on every example of a split: mean cross-entropy (nats), accuracy, and the class predicted for each."""

    loss: float
    accuracy: float
    predictions: np.ndarray
    correct: np.ndarray


@dataclass(frozen=True)
class Trained:
    """What a fit returns: status "done" or "diverged" and why, final weights, those of the epoch with the least
    validation loss, and curves: lists of equal length, one value for each evaluation during training;
    images_per_second: median over the stretches between evaluations, evaluation left out."""

    status: str
    reason: str
    final: Weights
    best: Weights
    best_epoch: float
    curves: dict[str, list[float]]
    images_per_second: float


@dataclass
class _Course:
    """How the fit of one seed goes: its curves, its best epoch, and why it ended early, if it did."""

    curves: dict[str, list[float]] = field(default_factory=dict)
    best_loss: float = math.inf
    best_epoch: float = 0.0
    reason: str = ""

    def note(self, values: dict[str, float], steps: int) -> bool:
        """Take in an evaluation; returns whether it has the least validation loss so far."""
        if self.reason:
            return False
        for name, value in values.items():
            self.curves.setdefault(name, []).append(value)
        if bad := next((name for name, value in values.items() if not math.isfinite(value)), ""):
            self.reason = (
                f"{bad} is not finite after step {values['step']:.0f} of {steps}; try a smaller optim.learning_rate"
            )
        elif values["val_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = values["val_loss"], values["epoch"]
            return True
        return False

    def end(self, final: Weights, best: Weights, speed: float) -> Trained:
        status = "diverged" if self.reason else "done"
        return Trained(status, self.reason, final, best, self.best_epoch, self.curves, speed)


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
        self.optimiser = make_optimiser(config.optim, self.steps)
        self.scans = uses_scan(config.train, jax.default_backend())
        self.graph = nnx.split(nnx.eval_shape(lambda: ConvNet(config, plan, jax.random.key(0))), nnx.Param, ...)[0]
        self.predict = jax.jit(lambda *given: self.apply(*given, train=False)[:2])
        self._rates = jax.device_get(jax.jit(jax.vmap(make_schedule(config.optim, self.steps)))(jnp.arange(self.steps)))
        # It runs once a seed, so compiling costs more than running; unoptimised, XLA:CPU compiles it twice as fast.
        quick = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
        self._initialise = jax.jit(self._initial_state, out_shardings=self.devices.everywhere, compiler_options=quick)
        self._copy = jax.jit(partial(jax.tree.map, jnp.copy))
        self._choose = jax.jit(choose_seeds)
        self._step = jax.jit(self._train_step, donate_argnums=0)
        self._epoch = jax.jit(self._train_chunk, donate_argnums=0, static_argnames="count")
        self._order = jax.jit(self._epoch_order, static_argnames="size")
        self._evaluate = jax.jit(self._evaluate_batch)

    def initialise(self, seed: int) -> TrainState:
        """The state before the first step."""
        return self._initialise(stream_key(seed, "init"))

    def fit(
        self,
        dataset: Dataset,
        seed: int,
        watch: Callable[[int, dict[str, float]], None] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Trained:
        """Train from scratch, or from a checkpoint; `watch(step, values)` is called after each evaluation.

        A loss that is not finite ends the fit as "diverged". A fit that goes on from a checkpoint ends with the same
        bits as one that was never interrupted.
        """
        return self.fit_together([dataset], [seed], watch, checkpoint)[0]

    def fit_together(
        self,
        datasets: Sequence[Dataset],
        seeds: Sequence[int],
        watch: Callable[[int, dict[str, float]], None] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> list[Trained]:
        """Train several seeds in one program, each on its own data; the fit of one seed is the same without its axis.

        Each ends as `fit` alone would end it, up to rounding; one that diverges leaves the others alone. `watch` is
        told the values of the first one that hasn't diverged; images_per_second counts the images of all.
        """
        count, size = len(seeds), len(datasets[0].train.labels)
        state = self.devices.join([self.initialise(seed) for seed in seeds])
        images, labels = self._place_images([dataset.train for dataset in datasets])
        mean, std = self._place_statistics(datasets)
        streams = [{name: stream_key(seed, name) for name in STREAMS} for seed in seeds]
        keys = self.devices.join([self.devices.place(each) for each in streams])
        held = {
            name: self.place_split(*(getattr(dataset, name) for dataset in datasets)) for name in ("train_eval", "val")
        }
        best, courses = self._copy(self._weights(state)), [_Course() for _ in seeds]
        order, order_epoch, speeds, taken_before = None, -1, [], 0
        if kept := checkpoint and checkpoint.load((state, best)):
            (state, best), numbers = jax.device_put(kept[0], self.devices.by_seed), kept[1]
            taken_before, speeds = numbers["step"], numbers["speeds"]
            courses = [_Course(**course) for course in numbers["courses"]]
        for first, last in self._chunks(taken_before):
            passed = last / self.steps_per_epoch
            losses, began = [], time.perf_counter()
            for epoch, start, steps in self._pieces(first, last):
                if epoch != order_epoch:
                    orders = [self._order(each["order"], epoch, size=size) for each in streams]
                    order, order_epoch = self.devices.join(orders), epoch
                data = (images, labels, mean, std, order, keys)
                state, taken = self.advance(state, data, start, steps)
                losses += taken
            by_seed = np.concatenate([np.reshape(loss, (-1, count)) for loss in jax.device_get(losses)]).T.copy()
            speeds.append(count * (last - first) * self.config.train.batch_size / (time.perf_counter() - began))
            weights = self._weights(state)
            results = {name: self.evaluate_together(weights, split, datasets) for name, split in held.items()}
            improved = []
            for index, course in enumerate(courses):
                values = {
                    "epoch": passed,
                    "step": float(last),
                    "learning_rate": float(self._rates[last - 1]),
                    "train_loss": float(np.mean(by_seed[index])),
                }
                for name, found in results.items():
                    values |= {f"{name}_loss": found[index].loss, f"{name}_accuracy": found[index].accuracy}
                improved.append(course.note(values, self.steps))
            if watch:
                told = next((course for course in courses if not course.reason), courses[0])
                watch(last, {name: values[-1] for name, values in told.curves.items()})
            if all(course.reason for course in courses):
                break
            if any(improved):
                best = self._choose(np.array(improved if count > 1 else improved[0]), weights, best)
            if checkpoint and last < self.steps and checkpoint.due(passed):
                numbers = {"epoch": passed, "step": last, "speeds": speeds, "courses": [asdict(one) for one in courses]}
                checkpoint.save((state, best), numbers)
        ends = zip(courses, self.devices.part(self._weights(state)), self.devices.part(best), strict=True)
        return [course.end(final, least, float(np.median(speeds))) for course, final, least in ends]

    def advance(
        self, state: TrainState, data: tuple[Any, ...], start: int, count: int
    ) -> tuple[TrainState, list[Array]]:
        """Take `count` steps from the batch `start` of an epoch on; the state given is used up. Returns the losses."""
        if self.scans:
            state, losses = self._epoch(state, data, start, count=count)
            return state, [losses]
        taken = []
        for position in range(start, start + count):
            state, loss = self._step(state, data, position)
            taken.append(loss)
        return state, taken

    def evaluate(self, weights: Weights, split: tuple[Any, ...], dataset: Dataset) -> Evaluation:
        """Loss and accuracy on every example of a placed split: no augmentation, no dropout, deterministic pooling."""
        return self.evaluate_together(weights, split, [dataset])[0]

    def evaluate_together(
        self, weights: Weights, split: tuple[Any, ...], datasets: Sequence[Dataset]
    ) -> list[Evaluation]:
        """The evaluations of seeds that are trained together."""
        images, labels, count = split
        mean, std = self._place_statistics(datasets)
        results = [
            self._evaluate(weights, batch, truth, mean, std) for batch, truth in zip(images, labels, strict=True)
        ]
        losses, predictions = (
            np.atleast_2d(np.concatenate(part, -1)[..., :count]) for part in zip(*jax.device_get(results), strict=True)
        )
        correct = predictions == np.concatenate(jax.device_get(labels), -1)[..., :count]
        return [
            Evaluation(float(loss.mean(dtype=np.float64)), float(right.mean()), predicted, right)
            for loss, right, predicted in zip(losses, correct, predictions, strict=True)
        ]

    def place_split(self, *splits: Split) -> tuple[list[Array], list[Array], int]:
        """A split on the devices, in batches of one size, so that one program serves them all; or one for each seed.

        The last batch repeats its final example to fill up.
        """
        count, sharing = len(splits[0].labels), self.mesh.shape["batch"]
        batch = -(-self.config.train.eval_batch_size // sharing) * sharing
        index = np.minimum(np.arange(-(-count // batch) * batch), count - 1).reshape(-1, batch)
        batches = [
            self._place_images([Split(split.images[rows], split.labels[rows]) for split in splits], "batch")
            for rows in index
        ]
        return [images for images, _ in batches], [labels for _, labels in batches], count

    def apply(
        self, weights: Weights, images: Array, *, train: bool, key: Array | None = None
    ) -> tuple[Array, Taps, nnx.State]:
        """Logits, taps and new running statistics for normalised images; `predict` is its compiled evaluation form."""
        model = nnx.merge(self.graph, weights.params, weights.rest, copy=True)
        logits, taps = model(images, train=train, key=key)
        rest: nnx.State = nnx.split(model, nnx.Param, ...)[2]  # type: ignore[misc]
        return logits, taps, rest

    def _initial_state(self, key: Array) -> TrainState:
        _, params, rest = nnx.split(ConvNet(self.config, self.plan, key), nnx.Param, ...)  # type: ignore[misc]
        return TrainState(params, rest, self.optimiser.init(params), jnp.zeros((), jnp.int32))

    def _train_step(self, state: TrainState, data: tuple[Any, ...], position: Array) -> tuple[TrainState, Array]:
        images, labels, *_, order, _ = data
        if order.ndim == 1:
            return self._train_seed(state, data, position)
        axes = (_seed_axis(images, 5), _seed_axis(labels, 2), 0, 0, 0, 0)
        step = jax.vmap(self._train_seed, (0, axes, None), spmd_axis_name="seed")
        return step(state, data, position)

    def _train_seed(self, state: TrainState, data: tuple[Any, ...], position: Array) -> tuple[TrainState, Array]:
        images, labels, mean, std, order, keys = data
        size = self.config.train.batch_size
        rows = lax.dynamic_slice(order, (position * size,), (size,))
        batch, truth = lax.with_sharding_constraint((images[rows], labels[rows]), self.devices.spread("batch"))
        at = {name: jax.random.fold_in(key, state.step) for name, key in keys.items()}
        batch = augment(at["augment"], batch, self.config.train.shift, self.config.train.flip)
        batch = normalise(batch, mean, std)

        def loss_of(params: nnx.State) -> tuple[Array, nnx.State]:
            logits, _, rest = self.apply(Weights(params, state.rest), batch, train=True, key=at["forward"])
            return optax.softmax_cross_entropy_with_integer_labels(logits, truth).mean(), rest

        (loss, rest), grads = jax.value_and_grad(loss_of, has_aux=True)(state.params)
        updates, optimiser = self.optimiser.update(grads, state.optimiser, state.params)
        return TrainState(optax.apply_updates(state.params, updates), rest, optimiser, state.step + 1), loss

    def _train_chunk(
        self, state: TrainState, data: tuple[Any, ...], start: Array, count: int
    ) -> tuple[TrainState, Array]:
        state, losses = lax.scan(
            lambda carried, position: self._train_step(carried, data, position), state, start + jnp.arange(count)
        )
        return state, losses

    def _evaluate_batch(
        self, weights: Weights, images: Array, labels: Array, mean: Array, std: Array
    ) -> tuple[Array, Array]:
        if mean.ndim == 2:
            axes = (0, _seed_axis(images, 5), _seed_axis(labels, 2), 0, 0)
            return jax.vmap(self._evaluate_batch, axes, spmd_axis_name="seed")(weights, images, labels, mean, std)
        logits, _, _ = self.apply(weights, normalise(images, mean, std), train=False)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels), logits.argmax(-1)

    def _epoch_order(self, key: Array, epoch: Array, size: int) -> Array:
        return jax.random.permutation(jax.random.fold_in(key, epoch), size)

    def _chunks(self, taken: int = 0) -> Iterator[tuple[int, int]]:
        """First and last step between evaluations: an epoch each, or more where that would be too many evaluations."""
        length = max(self.steps_per_epoch, -(-self.steps // _MOST_EVALUATIONS))
        for first in range(taken, self.steps, length):
            yield first, min(first + length, self.steps)

    def _pieces(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """The parts of a chunk that lie in one epoch: epoch, first batch in it, number of batches."""
        while first < last:
            epoch, position = divmod(first, self.steps_per_epoch)
            count = min(self.steps_per_epoch - position, last - first)
            yield epoch, position, count
            first += count

    def _place_images(self, splits: Sequence[Split], *axes: str) -> tuple[Array, Array]:
        images, labels = [split.images for split in splits], [split.labels for split in splits]
        return self.devices.place_seeds(images, *axes), self.devices.place_seeds(labels, *axes)

    def _place_statistics(self, datasets: Sequence[Dataset]) -> Any:
        parts = [(dataset.mean.astype(np.float32), dataset.std.astype(np.float32)) for dataset in datasets]
        return self.devices.join([self.devices.place(part) for part in parts])

    @staticmethod
    def _weights(state: TrainState) -> Weights:
        return Weights(state.params, state.rest)


def stream_key(seed: int, stream: str) -> Array:
    """The key of one of the seed's streams of randomness."""
    return jax.random.fold_in(jax.random.key(seed), STREAMS.index(stream))


def uses_scan(config: TrainConfig, back_end: str) -> bool:
    """Whether a chunk of steps is one compiled loop (train.loop; "auto": on accelerators)."""
    return config.loop == "scan" or (config.loop == "auto" and back_end != "cpu")


def _seed_axis(array: Array, rank: int) -> int | None:
    """The axis of seeds of an array that has this rank with one; None where the seeds share it."""
    return 0 if array.ndim == rank else None
