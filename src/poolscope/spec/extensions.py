"""Data sets and measurements that plugins contribute, read from their declarations without importing them.

@dataset("stripes", summary="stripes of two widths", train="train[:400]", val="train[400:]", test="test")
def open_stripes(config): ...     # DataConfig -> poolscope.data.splits.Source

@measurement("sharpness", columns=[("sharpness", "nats", "rise of the loss nearby")], cost="2 s")
def measure_sharpness(subject): ...     # poolscope.measures.network.Subject -> {"sharpness": ...}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.operators import OPERATORS
from poolscope.spec.paths import shipped
from poolscope.spec.plugins import find_plugins, import_plugin
from poolscope.spec.reader import read_declarations

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Extension:
    """What a plugin's declaration says of a data set or a measurement.

    summary: a line on what it is. splits: of a data set, the default split strings train, val and test. columns: of a
    measurement, name, unit and meaning of each number that it returns. cost: of a measurement, for one network.
    function, module, package, version: whose it is, filled in by the reader.
    """

    name: str
    summary: str = ""
    train: str = "train[:90%]"
    val: str = "train[90%:]"
    test: str = "test"
    columns: tuple[tuple[str, str, str], ...] = ()
    cost: str = "not timed"
    function: str = ""
    module: str = ""
    package: str = ""
    version: str = ""

    def load(self) -> Any:
        """The function itself; imports the plugin."""
        return getattr(import_plugin(self.module), self.function)


def dataset(name: str, **declared: Any) -> Callable[[F], F]:
    """Declare a data set at the function that opens it, DataConfig -> Source; the arguments are Extension's fields."""
    return _declare(name, declared)


def measurement(name: str, **declared: Any) -> Callable[[F], F]:
    """Declare a measurement at its function, Subject -> values by column; the arguments are Extension's fields.

    `measure=<name>` measures it beside accuracy, overfitting and cost.
    """
    return _declare(name, declared)


@cache
def find_datasets() -> dict[str, Extension]:
    """The data sets of plugins, by name."""
    return _read("poolscope.datasets", "dataset", "data")


@cache
def find_measurements() -> dict[str, Extension]:
    """The measurements of plugins, by name."""
    return _read("poolscope.measurements", "measurement", "measure")


def describe_origin(pool: str, source: str, measure: str) -> str:
    """Which plugins a run takes something from, such as "midrange of mypools 1.2"; "" for none."""
    used = [OPERATORS.get(pool), find_datasets().get(source), find_measurements().get(measure)]
    return ", ".join(f"{entry.name} of {entry.package} {entry.version}" for entry in used if entry and entry.package)


def _declare(name: str, declared: dict[str, Any]) -> Callable[[F], F]:
    Extension(name, **declared)
    return lambda function: function


def _read(group: str, word: str, key: str) -> dict[str, Extension]:
    own = {path.stem for path in (shipped("configs") / key).glob("*.yaml")}
    found: dict[str, Extension] = {}
    for plugin in find_plugins(group):
        for declared in read_declarations(plugin.path, word):
            try:
                extension = Extension(*declared.arguments, **declared.keywords)
            except TypeError as error:
                raise PoolscopeError(f"{declared.place}: {error}.") from error
            if not str(extension.name).isidentifier() or extension.name in found or extension.name in own:
                raise PoolscopeError(
                    f"{declared.place}: {key}={extension.name} must be an identifier that no other {word} has."
                )
            found[extension.name] = replace(
                extension,
                summary=extension.summary or declared.about,
                function=declared.function,
                module=plugin.module,
                package=plugin.package,
                version=plugin.version,
            )
    return found
