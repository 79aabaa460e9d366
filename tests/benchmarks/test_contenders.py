"""The bench's contenders compute the same thing: losses from the same weights on the same batches, pooled maps."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import jax
import numpy as np
import pytest

from poolscope.benchmarks import by_flax, by_poolscope
from poolscope.benchmarks.networks import NETWORKS, Network, make_batches

SMALL = {name: Network(network.shape, network.filters, 3, 8) for name, network in NETWORKS.items()}
TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
WINDOWS = ((2, 2, "VALID"), (3, 2, "VALID"), (3, 1, "SAME"), (5, 3, "VALID"))


def losses_of(training: Callable[[], int]) -> np.ndarray:
    assert training() == 24
    return np.hstack([np.asarray(jax.device_get(loss)) for loss in training.losses])  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "loop"), [*((name, "step") for name in SMALL), ("digits", "scan")])
def test_poolscope_and_plain_flax_take_the_same_steps(name: str, loop: str) -> None:
    options = SMALL[name].options(loop=loop)
    ours, theirs = (losses_of(library.prepare_training(**options)) for library in (by_poolscope, by_flax))
    assert ours.shape == theirs.shape == (3,)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@TORCH
@pytest.mark.parametrize("layout", ["channels_last", "default"])
@pytest.mark.parametrize("name", SMALL)
def test_torch_takes_the_same_steps(name: str, layout: str) -> None:
    by_torch = import_module("poolscope.benchmarks.by_torch")
    ours = losses_of(by_flax.prepare_training(**SMALL[name].options(loop="step")))
    theirs = losses_of(by_torch.prepare_training(**SMALL[name].options(layout=layout)))
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize(("window", "stride", "padding"), [*WINDOWS, (3, 2, "SAME")])
@pytest.mark.parametrize("operator", ["max", "avg"])
def test_pools_of_poolscope_and_flax_agree(operator: str, window: int, stride: int, padding: str) -> None:
    case = {"operator": operator, "shape": [2, 9, 8, 3], "window": window, "stride": stride, "padding": padding}
    for ours, theirs in zip(*(pooled(library, case) for library in (by_poolscope, by_flax)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@TORCH
@pytest.mark.parametrize(("window", "stride", "padding"), WINDOWS)
@pytest.mark.parametrize("operator", ["max", "avg"])
def test_pools_of_torch_agree(operator: str, window: int, stride: int, padding: str) -> None:
    case = {"operator": operator, "shape": [2, 9, 8, 3], "window": window, "stride": stride, "padding": padding}
    found = pooled(import_module("poolscope.benchmarks.by_torch"), case | {"layout": "channels_last"})
    for ours, theirs in zip(pooled(by_flax, case), found, strict=True):
        np.testing.assert_allclose(ours, theirs.transpose(0, 2, 3, 1), atol=1e-5)


def pooled(library: Any, case: dict[str, Any]) -> list[np.ndarray]:
    """The pooled map and the gradient of its input."""
    repeat = library.prepare_pool(**case, backward=True)
    assert repeat() == 2
    return [np.asarray(value.detach() if hasattr(value, "detach") else value) for value in repeat.results]


def test_seeds_in_one_program_take_the_same_steps_each() -> None:
    options = SMALL["digits"].options(loop="step")
    alone, together = (by_poolscope.prepare_training(**options, seeds=seeds) for seeds in (1, 2))
    assert together() == 2 * alone()
    np.testing.assert_allclose(np.stack(together.losses), np.stack(alone.losses)[:, None].repeat(2, 1), rtol=1e-4)


def test_every_operator_can_be_repeated() -> None:
    assert by_poolscope.prepare_operator("gated", [2, 8, 8, 4])() == 2


def test_batches_are_the_images_in_the_order_in_which_an_epoch_takes_them() -> None:
    network = SMALL["digits"]
    batches, labels = make_batches(network)
    assert batches.shape == (3, 8, 8, 8, 1) and labels.shape == (3, 8)
    assert batches.dtype == np.float32
    assert abs(float(batches.mean())) < 0.1 and abs(float(batches.std()) - 0.962) < 0.05  # uniform: 1 / sqrt(12) / 0.3
