"""What pooling operators there are, read from their declarations without importing JAX or anybody's package.

The declarations stand at the functions, in `poolscope.pooling`, in installed packages that offer the entry point
`poolscope.operators`, and in files given by `poolscope --plugin FILE`. Operators are listed by their `order`, which
fixes each one's colour and marker in every figure, then by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from poolscope.spec.declaration import (
    KINDS,
    Choice,
    Learned,
    Operator,
    Option,
    Real,
    Sizes,
    Switch,
    Whole,
)
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import PACKAGE
from poolscope.spec.plugins import find_plugins
from poolscope.spec.reader import Declared, read_declarations

__all__ = ["OPERATORS", "Operator", "read_operators"]

# What composes with every window reduction.
_COMPOSED = {
    "filter_size": Whole(None, "taps of a binomial blur before the subsampling (anti-aliasing), null for none", 1, 64),
    "dilation": Sizes(None, "distance between the cells of a window, as a number or [height, width]; null: 1"),
}
_WORDS = {word.__name__: word for word in (Real, Whole, Switch, Choice, Sizes, Learned)}


def read_operators(path: Path, module: str) -> list[Operator]:
    """The operators that a Python file declares, read from its source text.

    Raises PoolscopeError naming file and line where a declaration is no literal, or says what no operator can be.
    """
    return [_make_operator(declared, module) for declared in read_declarations(path, "operator", _WORDS)]


def _make_operator(declared: Declared, module: str) -> Operator:
    place, own = declared.place, declared.defaults
    try:
        operator = Operator(*declared.arguments, **declared.keywords)
    except TypeError as error:
        raise PoolscopeError(f"{place}: {error}.") from error
    if not isinstance(operator.name, str) or not operator.name.isidentifier():
        raise PoolscopeError(f"{place}: an operator's name must be an identifier, not {operator.name!r}.")
    if operator.kind not in KINDS or (operator.kind == "none" and declared.function):
        raise PoolscopeError(f"{place}: kind must be one of {', '.join(KINDS)}, not {operator.kind!r}.")
    if not operator.family.isidentifier():
        raise PoolscopeError(f"{place}: an operator's family must be an identifier, not {operator.family!r}.")
    options = {}
    for name, option in operator.options.items():
        if not isinstance(option, Option):
            raise PoolscopeError(f"{place}: option {name} must be a Real, Whole, Switch, Choice or Sizes.")
        if option.default is ... and own.get(name, ...) is ...:
            raise PoolscopeError(f"{place}: option {name} needs a default, since the function's keyword has none.")
        options[name] = replace(option, default=own[name]) if option.default is ... else option
        if options[name].default is not None and not options[name].fits(options[name].default):
            raise PoolscopeError(
                f"{place}: option {name} must be {option.describe()}, not its default {options[name].default!r}."
            )
    if declared.function and operator.kind in ("local", "layer"):
        options = {**options, **{name: option for name, option in _COMPOSED.items() if name not in options}}
    return replace(operator, options=options, module=module, function=declared.function, keywords=tuple(own))


def _own_operators() -> Iterator[Operator]:
    for path in sorted((PACKAGE / "pooling").glob("*.py")):
        yield from read_operators(path, f"poolscope.pooling.{path.stem}")


def _collect() -> dict[str, Operator]:
    own = sorted(_own_operators(), key=_rank)
    others = [
        replace(operator, order=None, package=plugin.package, version=plugin.version)
        for plugin in find_plugins("poolscope.operators")
        for operator in read_operators(plugin.path, plugin.module)
    ]
    catalogue: dict[str, Operator] = {}
    for operator in [*own, *sorted(others, key=_rank)]:
        if other := catalogue.get(operator.name):
            raise PoolscopeError(
                f"{operator.package or operator.module} declares the operator {operator.name!r}, which "
                f"{other.package or 'poolscope'} has already; give it another name."
            )
        catalogue[operator.name] = operator
    _check_types(catalogue)
    return catalogue


def _rank(operator: Operator) -> tuple[float, str]:
    return (float("inf") if operator.order is None else operator.order, operator.name)


def _check_types(catalogue: Mapping[str, Operator]) -> None:
    """Refuse an option that has one type with one operator and another with another: it is one key of a run."""
    types: dict[str, tuple[type, str]] = {}
    for operator in catalogue.values():
        for name, option in operator.options.items():
            first, whose = types.setdefault(name, (type(option), operator.name))
            if first is not type(option):
                raise PoolscopeError(
                    f"Option {name} of operator {operator.name!r} is a {type(option).__name__}, that of {whose!r} a "
                    f"{first.__name__}; give it another name."
                )


OPERATORS: dict[str, Operator] = _collect()
