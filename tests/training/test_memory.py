"""Estimates of memory: below what is really needed, growing with what decides, and what is refused."""

from __future__ import annotations

import pytest
from made_records import make_config

from poolscope.data.memory import machine_memory
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.plan import plan_network
from poolscope.training.memory import check_memory, estimate_memory, measure_memory


def _estimate(**keys: object) -> dict[str, int]:
    config = make_config(**keys)
    return estimate_memory(config, plan_network(config, (8, 8, 1), 10))


def test_weights_by_hand() -> None:
    """One 3x3 convolution of one channel to 16, a linear layer to 10: 160 + 170 numbers, thrice for SGD, four bytes."""
    found = _estimate(model__blocks=1, model__pool_stages=0, train__batch_size=7, train__eval_batch_size=5)
    assert found["model.width"] == 4 * 3 * (160 + 170)
    assert found["train.batch_size"] == 4 * 7 * (64 + 8 * 8 * 16)
    assert found["train.eval_batch_size"] == 5 * (64 + 4 * 8 * 8 * 16 + 8)


def test_adam_keeps_one_array_more() -> None:
    sgd, adam = _estimate(), _estimate(optim__name="adam")
    assert 3 * adam["model.width"] == 4 * sgd["model.width"]


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"train__eval_batch_size": 10**9}, "train.eval_batch_size=1000000000 needs at least "),
        ({"train__batch_size": 10**9}, "train.batch_size=1000000000 needs at least "),
        ({"model__width": 20000, "model__kernel": 101}, "model.width=20000 needs at least .* model.kernel, .* or"),
    ],
)
def test_what_can_t_fit_is_refused_by_its_key(keys: dict[str, object], named: str) -> None:
    config = make_config(**keys)
    plan = plan_network(config, (8, 8, 1), 10)
    with pytest.raises(PoolscopeError, match=named):
        check_memory(config, plan, available=10**9)
    check_memory(config, plan, available=0)  # unknown


def test_common_sizes_fit() -> None:
    config = make_config()
    check_memory(config, plan_network(config, (32, 32, 3), 10))
    assert measure_memory() == machine_memory() > 10**8
