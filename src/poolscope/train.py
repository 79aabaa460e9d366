"""Training: a pure, compiled step; epochs; full evaluation; the fit of one seed. Devices live here and nowhere else.

Every random number comes from the seed, the name of its stream and the step, never from a running generator: two arms
of a comparison see the same images in the same order under the same shifts, whatever their pooling draws.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array, lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from poolscope.architecture import Plan
from poolscope.augment import augment, normalise
from poolscope.checkpoint import Checkpoint
from poolscope.config import RunConfig, TrainConfig
from poolscope.data import Dataset
from poolscope.errors import PoolscopeError
from poolscope.model import ConvNet, Taps
from poolscope.optim import make_optimiser, make_schedule
from poolscope.splits import Split

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


class Trainer:
    """The compiled programs of one configuration, shared by its seeds so that each is compiled once."""

    def __init__(self, config: RunConfig, plan: Plan, train_size: int) -> None:
        self.config, self.plan = config, plan
        self.mesh = make_mesh(config.train, train_size)
        self.steps_per_epoch = train_size // config.train.batch_size
        self.steps = config.train.steps or config.train.epochs * self.steps_per_epoch
        self.optimiser = make_optimiser(config.optim, self.steps)
        self.scans = uses_scan(config.train, jax.default_backend())
        self.graph = nnx.split(nnx.eval_shape(lambda: ConvNet(config, plan, jax.random.key(0))), nnx.Param, ...)[0]
        self.predict = jax.jit(lambda *given: self.apply(*given, train=False)[:2])
        self._rates = jax.device_get(jax.jit(jax.vmap(make_schedule(config.optim, self.steps)))(jnp.arange(self.steps)))
        # It runs once a seed, so compiling costs more than running; unoptimised, XLA:CPU compiles it twice as fast.
        quick = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
        self._initialise = jax.jit(self._initial_state, out_shardings=self._everywhere(), compiler_options=quick)
        self._copy = jax.jit(partial(jax.tree.map, jnp.copy))
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
        config = self.config
        state = self.initialise(seed)
        images, labels, mean, std = self._place(
            (
                dataset.train.images,
                dataset.train.labels,
                dataset.mean.astype(np.float32),
                dataset.std.astype(np.float32),
            )
        )
        keys = self._place({name: stream_key(seed, name) for name in STREAMS})
        held = {name: self.place_split(getattr(dataset, name)) for name in ("train_eval", "val")}
        curves: dict[str, list[float]] = {}
        best, best_loss, best_epoch, reason = self._copy(self._weights(state)), math.inf, 0.0, ""
        order, order_epoch, speeds, taken_before = None, -1, [], 0
        if kept := checkpoint and checkpoint.load((state, best)):
            (state, best), numbers = self._place(kept[0]), kept[1]
            best_loss, best_epoch, taken_before = numbers["best_loss"], numbers["best_epoch"], numbers["step"]
            curves, speeds = numbers["curves"], numbers["speeds"]
        for first, last in self._chunks(taken_before):
            losses, began = [], time.perf_counter()
            for epoch, start, count in self._pieces(first, last):
                if epoch != order_epoch:
                    order, order_epoch = self._order(keys["order"], epoch, size=len(labels)), epoch
                data = (images, labels, mean, std, order, keys)
                state, taken = self.advance(state, data, start, count)
                losses += taken
            train_loss = float(np.mean(np.hstack(jax.device_get(losses))))
            speeds.append((last - first) * config.train.batch_size / (time.perf_counter() - began))
            values = {
                "epoch": last / self.steps_per_epoch,
                "step": float(last),
                "learning_rate": float(self._rates[last - 1]),
                "train_loss": train_loss,
            }
            for name, split in held.items():
                result = self.evaluate(self._weights(state), split, dataset)
                values |= {f"{name}_loss": result.loss, f"{name}_accuracy": result.accuracy}
            for name, value in values.items():
                curves.setdefault(name, []).append(value)
            if watch:
                watch(last, values)
            if not all(math.isfinite(value) for value in values.values()):
                bad = next(name for name, value in values.items() if not math.isfinite(value))
                reason = f"{bad} is not finite after step {last} of {self.steps}; try a smaller optim.learning_rate"
                break
            if values["val_loss"] < best_loss:
                best, best_loss, best_epoch = self._copy(self._weights(state)), values["val_loss"], values["epoch"]
            if checkpoint and last < self.steps and checkpoint.due(values["epoch"]):
                numbers = {"epoch": values["epoch"], "step": last, "best_loss": best_loss, "best_epoch": best_epoch}
                checkpoint.save((state, best), {**numbers, "curves": curves, "speeds": speeds})
        status = "diverged" if reason else "done"
        return Trained(status, reason, self._weights(state), best, best_epoch, curves, float(np.median(speeds)))

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
        images, labels, count = split
        mean, std = self._place((dataset.mean.astype(np.float32), dataset.std.astype(np.float32)))
        results = [
            self._evaluate(weights, batch, truth, mean, std) for batch, truth in zip(images, labels, strict=True)
        ]
        losses, predictions = (np.concatenate(part)[:count] for part in zip(*jax.device_get(results), strict=True))
        correct = predictions == np.concatenate(jax.device_get(labels))[:count]
        return Evaluation(float(losses.mean(dtype=np.float64)), float(correct.mean()), predictions, correct)

    def place_split(self, split: Split) -> tuple[list[Array], list[Array], int]:
        """A split on the devices, in batches of one size, so that one program serves them all.

        The last batch repeats its final example to fill up.
        """
        count, devices = len(split.labels), self.mesh.size
        batch = -(-self.config.train.eval_batch_size // devices) * devices
        index = np.minimum(np.arange(-(-count // batch) * batch), count - 1).reshape(-1, batch)
        shared = NamedSharding(self.mesh, PartitionSpec("batch"))
        images = [jax.device_put(split.images[rows], shared) for rows in index]
        return images, [jax.device_put(split.labels[rows], shared) for rows in index], count

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
        images, labels, mean, std, order, keys = data
        size = self.config.train.batch_size
        rows = lax.dynamic_slice(order, (position * size,), (size,))
        batch, truth = lax.with_sharding_constraint(
            (images[rows], labels[rows]), NamedSharding(self.mesh, PartitionSpec("batch"))
        )
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

    def _everywhere(self) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec())

    def _place(self, values: Any) -> Any:
        return jax.device_put(values, self._everywhere())

    @staticmethod
    def _weights(state: TrainState) -> Weights:
        return Weights(state.params, state.rest)


def stream_key(seed: int, stream: str) -> Array:
    """The key of one of the seed's streams of randomness."""
    return jax.random.fold_in(jax.random.key(seed), STREAMS.index(stream))


def make_mesh(config: TrainConfig, train_size: int) -> Mesh:
    """The devices that share each batch: as many as asked for, else the most that divide the batch.

    Raises PoolscopeError where the batch can't be drawn from the training images or shared by the devices.
    """
    devices, batch = jax.devices(), config.batch_size
    if batch > train_size:
        raise PoolscopeError(
            f"train.batch_size must be at most the number of training images, {train_size}, not {batch}."
        )
    count = config.devices or max(n for n in range(1, len(devices) + 1) if batch % n == 0)
    if count > len(devices):
        raise PoolscopeError(f"train.devices must be at most the {len(devices)} that JAX sees here, not {count}.")
    if batch % count:
        raise PoolscopeError(f"train.batch_size must be a multiple of train.devices = {count}, not {batch}.")
    return Mesh(np.array(devices[:count]), ("batch",))


def uses_scan(config: TrainConfig, back_end: str) -> bool:
    """Whether a chunk of steps is one compiled loop (train.loop; "auto": on accelerators)."""
    return config.loop == "scan" or (config.loop == "auto" and back_end != "cpu")
