"""An optimiser configuration as an Optax chain and its learning-rate schedule."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from poolscope.config import OptimConfig


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


def make_optimiser(config: OptimConfig, steps: int) -> optax.GradientTransformation:
    """The Optax chain: clipping, weight decay (weights only, not biases or scales), the optimiser, the schedule."""
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
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
