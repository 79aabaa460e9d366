"""PyTorch, where it is installed, takes the same steps and pools the same."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from small_contenders import SMALL, WINDOWS, losses_of, pooled

from poolscope.benchmarks import by_flax

pytest.importorskip("torch", reason="torch is not installed")


@pytest.mark.parametrize("layout", ["channels_last", "default"])
@pytest.mark.parametrize("name", SMALL)
def test_torch_takes_the_same_steps(name: str, layout: str) -> None:
    by_torch = import_module("poolscope.benchmarks.by_torch")
    ours = losses_of(by_flax.prepare_training(**SMALL[name].options(loop="step")))
    theirs = losses_of(by_torch.prepare_training(**SMALL[name].options(layout=layout)))
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile's own
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_compiled_torch_takes_the_same_steps_to_its_precision(precision: str) -> None:
    by_torch = import_module("poolscope.benchmarks.by_torch")
    options = SMALL["digits"].options(layout="channels_last")
    eager = losses_of(by_torch.prepare_training(**options))
    compiled = losses_of(by_torch.prepare_training(**options, compiled=True, precision=precision))
    assert precision == "float32" or np.abs(compiled - eager).max() > 1e-5  # it was computed in less
    np.testing.assert_allclose(compiled, eager, rtol=1e-4 if precision == "float32" else 0.03)


@pytest.mark.parametrize(("window", "stride", "padding"), WINDOWS)
@pytest.mark.parametrize("operator", ["max", "avg"])
def test_pools_of_torch_agree(operator: str, window: int, stride: int, padding: str) -> None:
    case = {"operator": operator, "shape": [2, 9, 8, 3], "window": window, "stride": stride, "padding": padding}
    found = pooled(import_module("poolscope.benchmarks.by_torch"), case | {"layout": "channels_last"})
    for ours, theirs in zip(pooled(by_flax, case), found, strict=True):
        np.testing.assert_allclose(ours, theirs.transpose(0, 2, 3, 1), atol=1e-5)
