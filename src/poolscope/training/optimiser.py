"""An optimiser configuration as an Optax chain and its learning-rate schedule."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from poolscope.spec.config import OptimConfig


def make_schedule(config: OptimConfig, steps: int) -> optax.Schedule:
    """Learning rate at each step: a linear warm-up to `learning_rate`, then constant, cosine or linear to 0."""
    warmup = round(config.warmup * steps)
    rest = max(steps - warmup, 1)
    decay = {
        "constant": lambda: optax.constant_schedule(config.learning_rate),
        "cosine": lambda: optax.cosine_decay_schedule(config.learning_rate, rest),
        "linear": lambda: optax.linear_schedule(config.learning_rate, 0.0, rest),
    }[config.schedule]()
    rise = optax.linear_schedule(0.0, config.learning_rate, warmup)
    whole = optax.join_schedules([rise, decay], [warmup]) if warmup else decay
    return lambda step: whole(jnp.asarray(step, jnp.float32))  # Optax counts steps in whole numbers


def learning_rates(config: OptimConfig, steps: int) -> np.ndarray:
    """The learning rate of each of `steps` steps, (steps,) float32."""
    return _learning_rates(dataclasses.astuple(config), steps)


@cache
def _learning_rates(fields: tuple[Any, ...], steps: int) -> np.ndarray:
    """One program for all networks that are trained with the same optimiser."""
    rates: np.ndarray = jax.device_get(
        jax.jit(jax.vmap(make_schedule(OptimConfig(*fields), steps)))(np.arange(steps, dtype=np.int32))
    )
    return rates


def make_optimiser(config: OptimConfig, steps: int) -> optax.GradientTransformation:
    """Make the Optax chain: clipping, weight decay, the optimiser, the schedule.

    Weight decay applies to the kernels of convolutions, also of a strided one in a pool's place, and of the head. It
    leaves out biases and scales, and the gates, filters and weights that pools learn, where 0 has its own meaning.
    """
    schedule = make_schedule(config, steps)
    clip = [optax.clip_by_global_norm(config.clip_norm)] if config.clip_norm is not None else []
    if config.name == "adamw":
        core = [optax.adamw(schedule, weight_decay=config.weight_decay, mask=_weights)]
    else:
        coupled = [optax.add_decayed_weights(config.weight_decay, _weights)] if config.weight_decay else []
        momentum = config.momentum or None
        rule = optax.adam(schedule) if config.name == "adam" else optax.sgd(schedule, momentum, config.nesterov)
        core = [*coupled, rule]
    return optax.chain(*clip, *core)


def _weights(params: optax.Params) -> optax.Params:
    """True for the kernel of each module that learns a kernel and a bias only: a convolution or a dense layer."""
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    places = [_place(path) for path, _ in leaves]
    siblings = {module: {name for other, name in places if other == module} for module, _ in places}
    decayed = [name == "kernel" and siblings[module] == {"kernel", "bias"} for module, name in places]
    return jax.tree_util.tree_unflatten(tree, decayed)


def _place(path: tuple[Any, ...]) -> tuple[tuple[str, ...], str]:
    """The module and the parameter that a leaf belongs to."""
    names = [str(part.key) for part in path if hasattr(part, "key")]
    return tuple(names[:-1]), names[-1]
