"""An optimiser configuration as an Optax chain, and the learning rate of each step.

The rates are an argument of the compiled step, no part of it: arms that differ in their rate share its program.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from poolscope.spec.config import OptimConfig


def learning_rates(config: OptimConfig, steps: int) -> np.ndarray:
    """The learning rate of each step, (steps,) float32.

    A linear warm-up to `learning_rate`, then constant, cosine or linear to 0.
    """
    rates: np.ndarray = np.float32(config.learning_rate) * _unit_rates(config.schedule, config.warmup, steps)
    return rates


@cache
def _unit_rates(schedule: str, warmup: float, steps: int) -> np.ndarray:
    """Those of a learning rate of 1: one program for all networks that are trained by the same schedule."""
    rising = round(warmup * steps)
    rest = max(steps - rising, 1)
    decay = {
        "constant": lambda: optax.constant_schedule(1.0),
        "cosine": lambda: optax.cosine_decay_schedule(1.0, rest),
        "linear": lambda: optax.linear_schedule(1.0, 0.0, rest),
    }[schedule]()
    rise = optax.linear_schedule(0.0, 1.0, rising)
    whole = optax.join_schedules([rise, decay], [rising]) if rising else decay
    every = jnp.arange(steps, dtype=jnp.float32)  # Optax counts steps in whole numbers, and promotes them
    rates: np.ndarray = jax.device_get(jax.jit(jax.vmap(whole))(every))
    return rates


def make_optimiser(config: OptimConfig) -> optax.GradientTransformation:
    """Make the Optax chain of a learning rate of 1: clipping, weight decay, the optimiser.

    Weight decay applies to the kernels of convolutions, also of a strided one in a pool's place, and of the head. It
    leaves out biases and scales, and the gates, filters and weights that pools learn, where 0 has its own meaning.
    """
    clip = [optax.clip_by_global_norm(config.clip_norm)] if config.clip_norm is not None else []
    if config.name == "adamw":
        core = [optax.adamw(1.0, weight_decay=config.weight_decay, mask=_weights)]
    else:
        coupled = [optax.add_decayed_weights(config.weight_decay, _weights)] if config.weight_decay else []
        momentum = config.momentum or None
        rule = optax.adam(1.0) if config.name == "adam" else optax.sgd(1.0, momentum, config.nesterov)
        core = [*coupled, rule]
    return optax.chain(*clip, *core)


def move(params: optax.Params, updates: optax.Updates, rate: jax.Array) -> optax.Params:
    """The parameters after the updates of a learning rate of 1, at another rate."""
    scaled = jax.tree.map(lambda update: rate.astype(update.dtype) * update, updates)
    return optax.apply_updates(params, scaled)


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
