"""The heads by name: what makes a vector of the last map, declared at its function in `poolscope.pooling`.

They are read from the source text, as operators are, so that a network can be planned without JAX.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from poolscope.spec.declaration import Learned, describe_count, evaluate
from poolscope.spec.paths import PACKAGE
from poolscope.spec.reader import read_declarations

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Head:
    """One way from a map (H, W, C) to a vector.

    summary, formula, source: what it gives, its definition, and who described it. features: the vector's length, and
    learned: its parameters, both by formulas in H, W, C and grid. function, module: filled in by whoever reads the
    declaration; the function is empty where the network does it itself.
    """

    name: str
    summary: str = ""
    formula: str = ""
    source: str = ""
    features: str = "C"
    learned: Mapping[str, Learned] = field(default_factory=dict)
    function: str = ""
    module: str = ""

    def count_features(self, shape: Shape, grid: int = 1) -> int:
        """Length of the vector that a map of this shape becomes."""
        return round(evaluate(self.features, self.names(shape, grid)))

    def sizes(self, name: str, shape: Shape) -> tuple[int, ...]:
        """Shape of one of its parameters."""
        names = self.names(shape)
        return tuple(
            size if isinstance(size, int) else round(evaluate(size, names)) for size in self.learned[name].shape
        )

    def count_parameters(self, shape: Shape) -> int:
        """Learnable numbers of the head itself, without the linear layer behind it."""
        return sum(math.prod(self.sizes(name, shape)) for name in self.learned)

    @property
    def learnable(self) -> str:
        """Its parameters as a formula; "0" for none."""
        return describe_count(self.learned)

    @staticmethod
    def names(shape: Shape, grid: int = 1) -> dict[str, float]:
        """The numbers that a formula may name."""
        return {**dict(zip("HWC", shape, strict=True)), "grid": grid}


def _read() -> Iterator[Head]:
    for path in sorted((PACKAGE / "pooling").glob("*.py")):
        for declared in read_declarations(path, "head", {"Learned": Learned}):
            module = f"poolscope.pooling.{path.stem}"
            yield replace(Head(*declared.arguments, **declared.keywords), function=declared.function, module=module)


_FIRST = ("flatten", "avg", "max", "gem", "lse", "avgmax", "catavgmax", "grid")  # the order of lists; others follow

HEADS: dict[str, Head] = {
    head.name: head
    for head in sorted(_read(), key=lambda head: _FIRST.index(head.name) if head.name in _FIRST else len(_FIRST))
}
