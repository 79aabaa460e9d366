"""Random cases for the explorer's arithmetic: what JAX's operators make of random maps, in double precision, as JSON.

    python explorer_cases.py CASES FILE [SEED [OPERATOR ...]]

Cases come in groups of one operator, geometry and set of options, whose maps differ. Arrays are base64 of doubles.
JAX_ENABLE_X64 must be set before this process starts.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from poolscope.pooling import POOLS, anti_aliased
from poolscope.reports.explorer import read_computed, read_template
from poolscope.spec.declaration import Choice, Operator, Switch
from poolscope.spec.geometry import Window
from poolscope.spec.operators import OPERATORS

NUMBERS = {  # of options that are a number
    **{"p": (1.0, 2.0, 3.0, 2.5), "eps": (1e-6, 0.25), "beta": (0.5, 1.0, 10.0, -2.0), "alpha": (0.25, 0.5, 0.9)},
    **{"filter_size": (1, 2, 3, 4, 5), "top": (1, 2, 3, 9), "smoothness": (0.5, 4.0), "threshold": (0.3, 1.3, 2.7)},
    "moments": (1, 2, 3, 6),
}
# Kinds of maps, of the five of `draw_inputs`: rounding decides between equal scores, and where a magnitude of 0 points.
KINDS = {"lps": 2, "flc": 1}
INITIAL_ONLY = ("learn", "full", "depth", "grid", "hidden", "tau", "pseudorandom")  # nothing to the evaluation form


def make_groups(cases: int, seed: int = 0, chosen: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Groups of cases over the chosen operators, or all, in turn, as even as can be."""
    rng = np.random.default_rng(seed)
    computed = read_computed(read_template())
    names = [name for name in OPERATORS if name in POOLS and name in computed and name in (chosen or OPERATORS)]
    rounds = max(1, round(cases / len(names) / 24))  # a compilation costs more than a case
    per_group = -(-cases // (rounds * len(names)))
    return [make_group(OPERATORS[name], per_group, rng) for _ in range(rounds) for name in names]


def make_group(operator: Operator, cases: int, rng: np.random.Generator) -> dict[str, Any]:
    """Maps of one size, and what one operator makes of them."""
    window, height, width = draw_geometry(operator, rng)
    channels = int(rng.integers(1, 3))
    options = draw_options(operator, window, channels, rng)
    x = draw_inputs(cases, height, width, channels, rng, KINDS.get(operator.name, 5))
    function: Any = POOLS[operator.name]
    if options.get("filter_size") and "filter_size" not in operator.keywords:
        function = anti_aliased(function)
    given = {name: jnp.asarray(value) if isinstance(value, list) else value for name, value in options.items()}
    if operator.stochastic:
        given["deterministic"] = True

    def apply(x: jax.Array, cotangent: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, pull = jax.vjp(lambda x: function(x, window, **given), x)
        return y, pull(cotangent)[0]

    shape = jax.eval_shape(lambda x: function(x, window, **given), x).shape
    cotangent = jnp.asarray(rng.normal(size=shape))
    y, gradient = jax.jit(apply, compiler_options={"xla_backend_optimization_level": 0})(x, cotangent)
    arrays = {"inputs": x, "cotangents": cotangent, "outputs": y, "gradients": gradient}
    return {
        "name": operator.name,
        "window": {
            "size": window.size,
            "stride": window.stride,
            "padding": window.padding,
            "dilation": window.dilation,
        },
        "options": options,
        "shape": list(x.shape),
        "output_shape": list(shape),
        **{name: base64.b64encode(np.asarray(array, "<f8").tobytes()).decode() for name, array in arrays.items()},
    }


def draw_geometry(operator: Operator, rng: np.random.Generator) -> tuple[Window, int, int]:
    """A window, and a map on which each of its positions sees a cell."""
    while True:
        size, stride = tuple(rng.integers(1, 4, 2).tolist()), tuple(rng.integers(1, 4, 2).tolist())
        if operator.stride:
            stride = (operator.stride, operator.stride)
        dilation = tuple(rng.integers(1, 3, 2).tolist()) if "dilation" in operator.options else (1, 1)
        pads = tuple(tuple(rng.integers(0, k, 2).tolist()) for k in size)
        padding = [("VALID", "SAME"), ("SAME", "VALID"), (pads, pads)][rng.integers(3)][0]
        window, (height, width) = Window(size, stride, padding, dilation), rng.integers(3, 9, 2).tolist()
        if min(window.output(height, width)) < 1:
            continue
        covered = (
            all(any(0 <= tap * d + out * s - pad[0] < n for tap in range(k)) for out in range(outputs))
            for k, s, d, pad, n, outputs in zip(
                window.size,
                window.stride,
                window.dilation,
                window.pads(height, width),
                (height, width),
                window.output(height, width),
                strict=True,
            )
        )
        if all(covered):
            return window, height, width


def draw_options(operator: Operator, window: Window, channels: int, rng: np.random.Generator) -> dict[str, Any]:
    """A value of each option, and of everything that a layer would learn."""
    options: dict[str, Any] = {}
    for name, option in operator.options.items():
        if name == "dilation" or name in INITIAL_ONLY:
            continue
        if isinstance(option, Choice):
            options[name] = str(rng.choice(option.choices))
        elif isinstance(option, Switch):
            options[name] = bool(rng.integers(2))
        elif name != "filter_size" or name in operator.keywords or rng.random() < 0.4:
            options[name] = rng.choice([number for number in NUMBERS[name] if option.fits(number)]).item()
    if operator.name == "ordinal":
        return options | {"weights": rng.dirichlet(np.ones(window.cells), channels).T.tolist()}
    if operator.name == "diffstride":
        return options | {"strides": rng.uniform(0.7, 3, 2).tolist()}
    drawn = {"depth": int(rng.integers(1, 4)), "hidden": 3}
    for name, rule in operator.learned.items():
        if name not in options and (rule.when is None or rng.integers(2) or "kernel" in options):
            options[name] = (0.5 * rng.normal(size=rule.sizes(window, channels, drawn))).tolist()
    return options


def draw_inputs(cases: int, height: int, width: int, channels: int, rng: np.random.Generator, kinds: int) -> jax.Array:
    """Maps of the first so many kinds: normal, grey values, few whole numbers (many ties), sparse, constant."""
    shape = (height, width, channels)
    maps = []
    for case in range(cases):
        drawn = (
            rng.normal(size=shape),
            rng.integers(0, 257, shape) / 256,
            rng.integers(-2, 3, shape).astype(float),
            rng.normal(size=shape) * (rng.random(shape) < 0.3),
            np.full(shape, float(rng.integers(-1, 3))),
        )
        maps.append(drawn[case % kinds])
    return jnp.asarray(np.stack(maps))


if __name__ == "__main__":
    assert jax.config.read("jax_enable_x64"), "set JAX_ENABLE_X64=1"
    count, path, seed, *chosen = [*sys.argv[1:], *["0"][len(sys.argv) - 3 :]]
    Path(path).write_text(json.dumps(make_groups(int(count), int(seed), chosen)), encoding="utf-8")
