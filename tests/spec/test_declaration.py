"""The words of a declaration: what fits an option, sizes by formula, the number of parameters in words."""

from __future__ import annotations

from typing import Any

import pytest

from poolscope.spec.declaration import Choice, Learned, Operator, Option, Real, Switch, Whole, describe_count, evaluate
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import make_window


@pytest.mark.parametrize(
    ("option", "fitting", "others", "words"),
    [
        (Real(2.0, least=1, most=9), [1, 9, 2.5], [0.9, 9.1, float("nan"), True, "2"], "a number from 1 to 9"),
        (Real(2.0, least=0, open=True, most=9), [1e-9], [0, -1, float("inf")], "a number above 0 and at most 9"),
        (Real(2.0, least=-1, most=1, nonzero=True), [-1], [0, 0.0], "a number from -1 to 1 and not 0"),
        (Whole(3, least=1, most=8), [1, 8], [0, 9, 2.0, True], "a whole number from 1 to 8"),
        (Switch(True), [True, False], [1, "true"], "true or false"),
        (Choice("a", choices=("a", "b")), ["a", "b"], ["c", 1], "one of a, b"),
    ],
)
def test_what_fits_an_option(option: Option, fitting: list[Any], others: list[Any], words: str) -> None:
    assert all(map(option.fits, fitting))
    assert not any(map(option.fits, others))
    assert option.describe() == words


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("3", 3),
        ("C", 5),
        ("2^depth - 1", 7),
        ("C^-0.5", 5**-0.5),
        ("1/4", 0.25),
        ("K*(C + 1)", 24),
        ("-C", -5),
        ("max(C, 2*K)", 8),
    ],
)
def test_formulas_have_the_usual_rank(formula: str, value: float) -> None:
    assert evaluate(formula, {"C": 5, "K": 4, "depth": 3}) == value


@pytest.mark.parametrize("formula", ["Q", "f(C)", "C.real", "'a'", "C if C else 1"])
def test_other_formulas_are_refused(formula: str) -> None:
    with pytest.raises(PoolscopeError, match="must be made of numbers"):
        evaluate(formula, {"C": 5})


@pytest.mark.parametrize(
    ("learned", "words"),
    [
        ({}, "0"),
        ({"p": Learned()}, "1"),
        ({"kernel": Learned(("h", "w"))}, "K"),
        ({"kernel": Learned(("h", "w", "C", "C")), "bias": Learned(("C",))}, "K*C*C + C"),
        ({"a": Learned(("C",)), "b": Learned((3, 3, "C"), when="full"), "c": Learned(("C",))}, "9*full*C + 2*C"),
        ({"leaves": Learned(("2^depth", "h", "w")), "gates": Learned(("2^depth - 1", "h", "w"))},
         "K*2^depth + K*(2^depth - 1)"),
    ],
)  # fmt: skip
def test_the_number_of_parameters_in_words(learned: dict[str, Learned], words: str) -> None:
    assert describe_count(learned) == words


def test_parameters_are_counted_by_the_shapes_of_what_is_learned() -> None:
    learned = {"a": Learned(("C", "hidden")), "b": Learned(("K",), when="full")}
    operator = Operator("f", learned=learned, channels="S")
    window = make_window((2, 3), (2, 1))
    assert operator.count_parameters(window, 5, {"hidden": 7, "full": True}) == 5 * 7 + 6
    assert operator.count_parameters(window, 5, {"hidden": 7, "full": False}) == 5 * 7
    assert operator.count_parameters(window, 5, {"hidden": 7, "full": True, "learn": False}) == 0
    assert operator.count_channels(window, 5) == 10
