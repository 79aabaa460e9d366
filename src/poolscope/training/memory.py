"""Least memory that a fit takes, so that sizes which can't work are refused before anything is built."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jax

from poolscope.data.memory import format_bytes, machine_memory
from poolscope.spec.config import RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.plan import Plan

_BYTES = 4  # of a float32
_SLOTS = {"sgd": 1, "adam": 2, "adamw": 2}  # arrays that an optimiser keeps beside weights and gradients


def estimate_memory(config: RunConfig, plan: Plan) -> dict[str, int]:
    """Estimate the bytes that training certainly takes, by the key that decides on them; the truth is a few times more.

    Weights, gradients and the optimiser's arrays; one batch's images and the outputs of its convolutions, which the
    gradient needs; one evaluation batch's images, its largest layer, and its places in the split (eight bytes each).
    """
    image = math.prod(plan.input)
    outputs = [math.prod(layer.output) for layer in plan.layers]
    kept = sum(math.prod(layer.output) for layer in plan.layers if layer.kind in ("conv", "shortcut"))
    return {
        "model.width": plan.parameters * _BYTES * (2 + _SLOTS.get(config.optim.name, 1)),
        "train.batch_size": config.train.batch_size * (image + kept) * _BYTES,
        "train.eval_batch_size": config.train.eval_batch_size * (image + max(outputs, default=0) * _BYTES + 8),
    }


def check_memory(config: RunConfig, plan: Plan, available: int | None = None) -> None:
    """Refuse a network or a batch that this machine's memory can't hold by far.

    available: bytes; default: of the machine, or of its accelerators together.
    """
    available = measure_memory() if available is None else available
    for key, bytes_needed in estimate_memory(config, plan).items():
        if available and bytes_needed > available:
            section, name = key.split(".")
            raise PoolscopeError(
                f"{key}={getattr(getattr(config, section), name)} needs at least {format_bytes(bytes_needed)} of "
                f"memory, more than the {format_bytes(available)} there are; use a smaller one"
                + (
                    " or a smaller model.growth, model.kernel, model.blocks, model.convs or model.hidden."
                    if section == "model"
                    else "."
                )
            )


def measure_memory(devices: Sequence[jax.Device] | None = None) -> int:
    """Measure the bytes of memory of the devices that JAX computes on (CPU: the machine's); 0 where it is unknown."""
    devices = jax.local_devices() if devices is None else devices
    if devices[0].platform == "cpu":
        return machine_memory()
    return sum((device.memory_stats() or {}).get("bytes_limit", 0) for device in devices)
