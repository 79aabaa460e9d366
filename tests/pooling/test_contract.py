"""What every operator promises, by being listed; and that the checks notice a promise that is broken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from representatives import long_for_others

from poolscope.pooling import POOLS, Pool, contract, layers
from poolscope.pooling.contract import CHECKS, check_operator
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS

CHEAP = ("size",)
WIDE = ("gradients",)  # compiled for each operator
DEAR = (  # several programs for each, or what their values in test_pool_values nearly show
    *("transformations", "loops", "gradients of halves", "inputs", "parameters"),
    *("gain", "window of one cell", "a-trous form", "anti-aliasing"),
)
KINDS = ("max", "stochastic", "spectral", "lip", "adaptive_max")  # own derivatives, draws, transforms, weights, grids


def test_every_promise_is_checked_here_or_among_the_derivatives() -> None:
    assert {*CHEAP, *WIDE, *DEAR, "derivatives"} == {*CHECKS}


@pytest.mark.parametrize("check", CHEAP)
@pytest.mark.parametrize("name", POOLS)
def test_every_operator_keeps_the_promise(name: str, check: str) -> None:
    CHECKS[check](name)


@pytest.mark.parametrize("check", WIDE)
@pytest.mark.parametrize("name", long_for_others())
def test_every_operator_keeps_the_wide_promises(name: str, check: str) -> None:
    CHECKS[check](name)


@pytest.mark.parametrize("check", DEAR)
@pytest.mark.parametrize("name", [n if n in KINDS else pytest.param(n, marks=pytest.mark.long) for n in POOLS])
def test_every_operator_keeps_the_dear_promises(name: str, check: str) -> None:
    CHECKS[check](name)


def crop(pool: Any) -> Any:
    return lambda x, window, **options: pool(x, window, **options)[:, :-1]


def divide_by_spread(pool: Any) -> Any:
    return lambda x, window, **options: pool(x, window, **options) / x.std()


def widen(pool: Any) -> Any:
    return lambda x, window, **options: pool(x, window, **options).astype("float32")


def look_at_the_first(pool: Any) -> Any:
    return lambda x, window, **options: pool(x, window, **options) + x.reshape(-1)[0] - x.reshape(-1)[0].round()


def scale(pool: Any) -> Any:
    return lambda x, window, **options: pool(x, window, **options) * jnp.asarray(1.5, x.dtype)


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [
        (crop, {"size"}),
        (divide_by_spread, {"gradients", "gradients of halves", "gain"}),
        (widen, {"gradients of halves"}),
        (look_at_the_first, {"transformations"}),
        (scale, {"gain", "window of one cell"}),
    ],
)
def test_a_broken_promise_is_noticed(monkeypatch: pytest.MonkeyPatch, spoil: Any, noticed: set[str]) -> None:
    monkeypatch.setattr(layers, "find_pool", lambda name: spoil(POOLS[name]))
    monkeypatch.setattr(contract, "CHECKS", {check: CHECKS[check] for check in noticed})
    assert all(problem for _, _, problem in check_operator("avg"))


def test_a_reverse_rule_alone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_backwards(pool: Any) -> Any:
        rule = jax.custom_vjp(lambda x: x)
        rule.defvjp(lambda x: (x, None), lambda _, gradient: (gradient,))
        return lambda x, window, **options: rule(pool(x, window, **options))

    CHECKS["derivatives"]("avg")
    monkeypatch.setattr(layers, "find_pool", lambda name: only_backwards(POOLS[name]))
    monkeypatch.setattr(contract, "CHECKS", {"derivatives": CHECKS["derivatives"]})
    assert "forward-mode" in next(check_operator("avg"))[2]


def test_a_wrong_declaration_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(OPERATORS["gated"], learned={})
    monkeypatch.setattr(contract, "OPERATORS", {**OPERATORS, "gated": wrong})
    with pytest.raises(AssertionError, match="has 4 parameters, the declaration counts 0"):
        CHECKS["parameters"]("gated")


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(PoolscopeError, match="pool must be one of max, avg"):
        list(check_operator("mux"))


def test_checks_see_the_training_form_of_operators_that_draw() -> None:
    seen = []

    class Watched(Pool):
        def __call__(self, x: jax.Array, *, deterministic: bool | None = None, **keywords: Any) -> jax.Array:
            seen.append(deterministic)
            return super().__call__(x, deterministic=deterministic, **keywords)

    assert contract.modes("max") == ({},)
    layer = contract.build_layer("stochastic", contract.make_window(2))
    layer.__class__ = type("W", (Watched, type(layer)), {})
    for mode in contract.modes("stochastic"):
        layer(jnp.ones((1, 4, 4, 1)), **mode)
    assert seen == [True, False]
