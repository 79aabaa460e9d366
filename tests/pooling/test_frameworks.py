"""The pure functions in Linen, Equinox and plain JAX, and on several devices."""

from __future__ import annotations

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen
from pool_geometries import compile_quickly

from poolscope import pooling

IMAGES = jnp.asarray(np.random.default_rng(0).normal(size=(4, 8, 8, 1)), "float32")


class Linen(linen.Module):
    """A model of Linen with a pool without state, one that draws and one that learns."""

    @linen.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = linen.relu(linen.Conv(4, (3, 3))(x))
        x = pooling.max_blur_pool(x, 2, filter_size=3)
        key = self.make_rng("pooling") if train else None
        x = pooling.stochastic_pool(x, 2, key=key, deterministic=not train)
        share = self.param("share", linen.initializers.constant(0.5), ())
        x = pooling.mixed_pool(x, 2, alpha=share)
        return linen.Dense(3)(pooling.global_avg_pool(x))


def test_in_linen() -> None:
    model = Linen()
    keys = {"params": jax.random.key(0), "pooling": jax.random.key(1)}
    weights = model.init(keys, IMAGES, train=True)
    assert "share" in weights["params"]

    def loss(weights: dict[str, jax.Array], key: jax.Array) -> jax.Array:
        return jnp.sum(model.apply(weights, IMAGES, train=True, rngs={"pooling": key}) ** 2)

    step = compile_quickly(jax.value_and_grad(loss))
    (one, gradient), (other, _) = (step(weights, jax.random.key(seed)) for seed in (2, 3))
    assert one != other
    assert gradient["params"]["share"] != 0
    assert model.apply(weights, IMAGES, train=False).shape == (4, 3)


def test_in_equinox() -> None:
    eqx = pytest.importorskip("equinox", reason="Equinox isn't installed")

    class Model(eqx.Module):  # type: ignore[misc, name-defined]
        convolution: eqx.nn.Conv2d  # type: ignore[name-defined]
        sharpness: jax.Array

        def __call__(self, x: jax.Array) -> jax.Array:
            x = jnp.moveaxis(self.convolution(x), 0, -1)  # one map with its channels last
            return pooling.global_avg_pool(pooling.soft_pool(x, 2, beta=self.sharpness)[None])[0]

    model = Model(eqx.nn.Conv2d(1, 4, 3, key=jax.random.key(0)), jnp.ones(()))
    each = jax.vmap(model)
    with jax.numpy_dtype_promotion("standard"):
        assert each(jnp.moveaxis(IMAGES, -1, 1)).shape == (4, 4)
        gradient = eqx.filter_grad(lambda model: jnp.sum(jax.vmap(model)(jnp.moveaxis(IMAGES, -1, 1)) ** 2))(model)
    assert gradient.sharpness != 0


FEW = ("max", "lip", "stochastic", "spectral", "adaptive_max")
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
