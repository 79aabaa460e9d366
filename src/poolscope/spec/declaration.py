"""The words in which a pooling operator is declared at its function; they are read without running it.

    @operator("lp", order=3, family="norms", summary="Lp norm of the window", formula="(sum |x|^p)^(1/p)",
              source="Sermanet et al. 2012", options={"p": Real(help="exponent", least=1, most=1000)}, gain="K^(1/p)")
    def lp_pool(x, window, *, p=2.0): ...

All arguments are literals or the classes below, so that `spec.operators` can read them from the source text: the
catalogue of operators is complete where JAX is not installed, and other people's packages are listed without being
imported. A size in a shape is a number or a formula in h, w, K (the window's height, width and cells), C (channels), S
(product of the strides) and the operator's own options, such as "2^depth - 1".
"""

from __future__ import annotations

import ast
import math
import operator as arithmetic
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Pair, Window, per_axis
from poolscope.spec.settings import Range

KINDS = ("local", "layer", "map", "none")


@dataclass(frozen=True)
class Option:
    """A keyword of an operator that a configuration sets.

    default: its value where none is given; by default that of the function's own keyword. help: what it is, in a few
    words.
    """

    default: Any = ...
    help: str = ""
    type: ClassVar[type] = object
    wanted: ClassVar[str] = "a value"

    def fits(self, value: Any) -> bool:
        """Whether the operator can work with this value."""
        return True

    def describe(self) -> str:
        """What fits, in words that follow "must be"."""
        return self.wanted


@dataclass(frozen=True)
class Real(Option):
    """A number from `least` to `most`; above `least` if `open`, and not 0 if `nonzero`."""

    least: float = -math.inf
    most: float = math.inf
    open: bool = False
    nonzero: bool = False
    type: ClassVar[type] = float

    def fits(self, value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and value in self.within and not (self.nonzero and value == 0)

    def describe(self) -> str:
        return f"a number {self.within}" + (" and not 0" if self.nonzero else "")

    @property
    def within(self) -> Range:
        """The numbers that fit."""
        return Range(self.least, self.most, open_below=self.open)


@dataclass(frozen=True)
class Whole(Option):
    """A whole number from `least` to `most`."""

    least: int = 1
    most: int = 10_000
    type: ClassVar[type] = int

    def fits(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most

    def describe(self) -> str:
        return f"a whole number from {self.least} to {self.most}"


@dataclass(frozen=True)
class Switch(Option):
    """True or false."""

    type: ClassVar[type] = bool
    wanted: ClassVar[str] = "true or false"

    def fits(self, value: Any) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True)
class Choice(Option):
    """One of a few words."""

    choices: tuple[str, ...] = ()
    type: ClassVar[type] = str

    def fits(self, value: Any) -> bool:
        return value in self.choices

    def describe(self) -> str:
        return f"one of {', '.join(self.choices)}"


@dataclass(frozen=True)
class Sizes(Option):
    """A whole number, or one for the height and one for the width; the window's geometry checks it."""


@dataclass(frozen=True)
class Learned:
    """How a layer learns one keyword of its operator.

    shape: of the parameter. initial: "option" (the value of the option of that name), "zeros", "ones", "he_normal" (He
    et al. 2015; axes before the last four are separate filters), "uniform" (between -bound and bound), or the name of a
    function (window, channels, options, key) -> parameter in the operator's own module. bound: a formula. above: a
    number that the value stays above, as above + softplus(parameter). value: the name of a function parameter -> value
    in the operator's own module, where the parameter may take any real number and the value may not. when: a switch
    without which there is no such parameter.
    """

    shape: tuple[int | str, ...] = ()
    initial: str = "zeros"
    bound: str = "1"
    above: float | None = None
    value: str | None = None
    when: str | None = None

    def sizes(self, window: Window, channels: int, options: Mapping[str, Any]) -> tuple[int, ...]:
        """The shape in numbers."""
        names = name_sizes(window, channels, options)
        return tuple(size if isinstance(size, int) else int(evaluate(size, names)) for size in self.shape)


@dataclass(frozen=True)
class Operator:
    """One way to make a feature map smaller.

    summary, formula, source: what it gives, its definition, and who described it.
    recommended: what its source recommends it for, and what it claims there; empty where it claims nothing.
    also: what else it is called, or which setting of it, or of another one, is a known operator.
    family: the heading that it stands under in the gallery.
    order: its place in every list, which fixes its colour and marker in figures; operators without one follow, by name.
    options, learned: its keywords that a configuration sets, and those that a layer learns.
    gain: factor on a constant positive input, "1" for most, else a formula or "learned"; a scale change that
        normalisation would hide is declared here.
    kind: "local" (a window reduction that composes with blur and dilation), "layer" (the same, by a convolution), "map"
        (sees the whole map: its spectrum, phases or a grid; no dilation, so no a-trous form), or "none".
    stochastic: it draws at random in training (keywords key and deterministic).
    channels: factor on the number of channels, a formula in S.
    stride: the only stride that it is defined for, where there is one.
    sized: the function takes an output_size instead of a window.
    strides_convolution: it has no layer, but the preceding convolution takes its stride.
    numpy: the name of NumPy's function of the same values, where there is one.
    reads: how many cells an output depends on along an axis, a formula in k, the window's size there, and the options:
        "1" where only a window's first cell matters, more than k where a filter of its own looks past the window.
    macs: multiply-accumulates by what it learns for one image, as its definition has them: a formula as above and in I
        and O, the cells of the map and of the output, and H and W, the map's height and width; by default "K*C*C*O" of
        a kind "layer", and else "0".
    no_stride1_form: why it isn't an operator at stride 1 followed by a fixed subsampling, where it isn't.
    function, keywords, module, package, version: filled in by whoever reads the declaration: the function, its keywords
        and its module, and the package (with version, or with a digest of the file) that they come from; the package is
        empty for poolscope's own.
    """

    name: str
    summary: str = ""
    formula: str = ""
    source: str = ""
    recommended: str = ""
    also: str = ""
    family: str = "other"
    order: int | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    learned: Mapping[str, Learned] = field(default_factory=dict)
    gain: str = "1"
    kind: str = "local"
    stochastic: bool = False
    channels: str = "1"
    stride: int | None = None
    sized: bool = False
    strides_convolution: bool = False
    no_stride1_form: str = ""
    numpy: str = ""
    reads: str = "k"
    macs: str = ""
    function: str = ""
    keywords: tuple[str, ...] = ()
    module: str = ""
    package: str = ""
    version: str = ""

    @property
    def has_layer(self) -> bool:
        """Whether it puts a layer into a network."""
        return bool(self.function)

    @property
    def defaults(self) -> dict[str, Any]:
        """Its options and the values that they take where none is given."""
        return {name: option.default for name, option in self.options.items()}

    @property
    def learnable(self) -> str:
        """Parameters of a layer as a formula in K, C and options; "0" for none."""
        return describe_count(self.learned)

    def learns(self, options: Mapping[str, Any]) -> dict[str, Learned]:
        """What a layer with these options learns."""
        if not options.get("learn", True):
            return {}
        return {name: rule for name, rule in self.learned.items() if rule.when is None or options[rule.when]}

    def count_parameters(self, window: Window, channels: int, options: Mapping[str, Any]) -> int:
        """Learnable numbers of one layer."""
        return sum(math.prod(rule.sizes(window, channels, options)) for rule in self.learns(options).values())

    def count_cells(self, window: Window, options: Mapping[str, Any]) -> Pair:
        """Cells (rows, columns) that an output depends on, a blur before the subsampling included."""
        numbers, taps = name_sizes(window, 1, options), _count_taps(options)
        return per_axis(lambda k: int(evaluate(self.reads, {**numbers, "k": k})) + taps, window.size)

    def count_beyond(self, window: Window, options: Mapping[str, Any]) -> Pair:
        """Cells (rows, columns) past its window that an output may depend on, on either side."""
        read, taps = self.count_cells(window, options), _count_taps(options)
        return per_axis(lambda cells, k: max(cells - k, taps), read, window.size)

    def count_macs(self, window: Window, shape: tuple[int, int, int], output: Pair, options: Mapping[str, Any]) -> int:
        """Multiply-accumulates of one layer for one map of `shape` (height, width, channels)."""
        height, width, channels = shape
        map_ = {"H": height, "W": width, "I": height * width, "O": output[0] * output[1]}
        formula = self.macs or ("K*C*C*O" if self.kind == "layer" else "0")
        return round(evaluate(formula, {**name_sizes(window, channels, options), **map_}))

    def count_channels(self, window: Window, channels: int) -> int:
        """Channels of the output."""
        return channels * int(evaluate(self.channels, name_sizes(window, channels, {})))


def _count_taps(options: Mapping[str, Any]) -> int:
    return int(options.get("filter_size") or 1) - 1


def name_sizes(window: Window, channels: int, options: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that a formula in a declaration may name."""
    numbers = {name: value for name, value in options.items() if isinstance(value, int | float)}
    steps = window.stride[0] * window.stride[1]
    return {**numbers, "h": window.size[0], "w": window.size[1], "K": window.cells, "C": channels, "S": steps}


_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: arithmetic.add,
    ast.Sub: arithmetic.sub,
    ast.Mult: arithmetic.mul,
    ast.Div: arithmetic.truediv,
    ast.Pow: arithmetic.pow,
}


def evaluate(formula: str, names: Mapping[str, float]) -> float:
    """The number that a formula of a declaration has, such as "2^(depth + 1)"; + - * / ^ rank as usual, and max()."""

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        if isinstance(node, ast.Name) and node.id in names:
            return names[node.id]
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "max" and not node.keywords:
            return max(map(value, node.args))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return _ARITHMETIC[type(node.op)](value(node.left), value(node.right))
        known = ", ".join(names)
        raise PoolscopeError(f"The formula {formula!r} must be made of numbers, + - * / ^, max() and {known}.")

    return value(ast.parse(formula.replace("^", "**"), mode="eval").body)


def describe_count(learned: Mapping[str, Learned]) -> str:
    """The number of parameters as a formula: a sum of products of sizes; "0" for none."""
    products: dict[str, int] = {}
    for rule in learned.values():
        sizes = [f"({size})" if " " in size else size for size in rule.shape if isinstance(size, str)]
        if {"h", "w"} <= set(sizes):
            sizes = ["K", *(size for size in sizes if size not in ("h", "w"))]
        product = "*".join(sorted([*([rule.when] if rule.when else []), *sizes], key=lambda size: size == "C"))
        number = math.prod(size for size in rule.shape if isinstance(size, int))
        products[product] = products.get(product, 0) + number
    terms = []
    for product, number in sorted(products.items(), key=lambda item: -item[0].count("*")):
        terms.append(product if product and number == 1 else "*".join([str(number), *([product] if product else [])]))
    return " + ".join(terms) or "0"
