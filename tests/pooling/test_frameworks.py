"""The operators in other frameworks as the guide to the library shows them, and on several devices."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import pytest

from poolscope import pooling

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "library.md"
_BLOCK = re.compile(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```", re.M | re.S)  # a heading and its first block
EXAMPLES = dict(_BLOCK.findall(GUIDE.read_text(encoding="utf-8")))
NEEDED = {"In Haiku": "haiku", "In Equinox": "equinox"}


def test_the_guide_has_an_example_for_each() -> None:
    assert {"In JAX", "In Linen", "In Haiku", "In Equinox", "Training TIPS with its losses"} == set(EXAMPLES)


@pytest.mark.parametrize("title", EXAMPLES)
def test_the_guides_example_runs(title: str) -> None:
    if title in NEEDED:
        pytest.importorskip(NEEDED[title], reason=f"{NEEDED[title]} isn't installed")
    names: dict[str, Any] = {"__name__": "example"}
    with jax.numpy_dtype_promotion("standard"):
        exec(EXAMPLES[title], names)
    assert names["slope"] != 0, "what the pool learns has no gradient"
    if "losses" in names:
        one, other = names["losses"]
        assert one != other, "two draws give the same"


FEW = ("max", "lip", "stochastic")
SHARDED = """
import sys
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from poolscope.pooling import contract
from poolscope.pooling.contract import build_layer, compile_quickly, draw_maps, make_window, modes

mesh = Mesh(np.array(jax.devices()), ("images",))
assert mesh.size == 4
x = draw_maps(8, 6, 6, contract.CHANNELS)
spread = jax.device_put(x, NamedSharding(mesh, PartitionSpec("images")))
for name in sys.argv[1:]:
    layer, mode = build_layer(name, make_window(2)), modes(name)[0]
    step = compile_quickly(jax.value_and_grad(lambda x: jnp.sum(layer(x, **mode) ** 2)))
    (one, gradient), (many, split) = step(x), step(spread)
    np.testing.assert_allclose(one, many, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(gradient, split, rtol=1e-3, atol=1e-4, err_msg=name)
    assert len(split.sharding.device_set) == 4, name
"""


@pytest.mark.parametrize("names", [FEW, pytest.param(tuple(pooling.POOLS), marks=pytest.mark.long)], ids=["few", "all"])
def test_images_shared_among_devices_give_the_same_values_and_gradients(names: tuple[str, ...]) -> None:
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-c", SHARDED, *names], capture_output=True, text=True, env=os.environ | {"XLA_FLAGS": flags}
    )
    assert done.returncode == 0, done.stderr[-2000:]
