"""Window arithmetic: what a sliding window of a given size, stride, padding and dilation reads and leaves out.

Everything here is exact integer arithmetic on one axis at a time; nothing imports JAX. The pooling operators, the
convolutions, the network plan and the checks of a configuration all take their sizes from these functions.

Formulas for an axis of n cells, window k, stride s, dilation d (Dumoulin & Visin 2016):

    extent = d (k - 1) + 1                       cells that a window spans
    VALID  : floor((n - extent) / s) + 1         no padding; cells behind the last window are dropped
    SAME   : ceil(n / s)                         pads (total // 2, total - total // 2), the larger half at the end
    (a, b) : floor((n + a + b - extent) / s) + 1
    ceil   : ceil((n + a + b - extent) / s) + 1  b grows by what the last window lacks, if it starts on the map or in a
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from poolscope.spec.errors import PoolscopeError

Pair = tuple[int, int]
Padding = str | tuple[Pair, Pair]


@dataclass(frozen=True)
class Window:
    """A sliding window over height and width: size, stride and dilation as (h, w), padding as a rule or two pairs.

    ceil_mode: whether cells that the stride leaves over get a window of their own, padded at the end.

    Example:
        >>> window = Window(size=(3, 3), stride=(2, 2), padding="SAME")
        >>> window.output(32, 32), window.pads(32, 32), window.cells
        ((16, 16), ((0, 1), (0, 1)), 9)
    """

    size: Pair
    stride: Pair
    padding: Padding = "VALID"
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    @property
    def cells(self) -> int:
        """Number of cells K = h * w that one window reads."""
        return self.size[0] * self.size[1]

    def pads(self, height: int, width: int) -> tuple[Pair, Pair]:
        """Cells of padding, ((top, bottom), (left, right)), on a map of this height and width."""
        same = isinstance(self.padding, str)
        rules: tuple[str | Pair, ...] = (self.padding, self.padding) if same else self.padding  # type: ignore[assignment]
        return tuple(  # type: ignore[return-value]
            axis_pads(n, k, s, d, rule, self.ceil_mode)
            for n, k, s, d, rule in zip((height, width), self.size, self.stride, self.dilation, rules, strict=True)
        )

    def output(self, height: int, width: int) -> Pair:
        """Height and width of the output map; 0 or less where the window doesn't fit."""
        return tuple(  # type: ignore[return-value]
            (n + sum(pad) - extent(k, d)) // s + 1
            for n, pad, k, s, d in zip(
                (height, width), self.pads(height, width), self.size, self.stride, self.dilation, strict=True
            )
        )

    def dropped(self, height: int, width: int) -> Pair:
        """Rows at the bottom and columns at the right that no window reads because the stride doesn't divide."""
        return tuple(
            max(0, n + pad[0] - (out - 1) * s - extent(k, d))
            for n, pad, out, k, s, d in zip(
                (height, width),
                self.pads(height, width),
                self.output(height, width),
                self.size,
                self.stride,
                self.dilation,
                strict=True,
            )
        )


def extent(size: int, dilation: int = 1) -> int:
    """Count the cells that a window of `size` cells spans on one axis: d (k - 1) + 1."""
    return dilation * (size - 1) + 1


def per_axis(function: Callable[..., int], *pairs: Pair) -> Pair:
    """Apply a function to the heights and to the widths of pairs (h, w)."""
    height, width = (function(*numbers) for numbers in zip(*pairs, strict=True))
    return (height, width)


def axis_pads(n: int, size: int, stride: int, dilation: int, padding: str | Pair, ceil_mode: bool = False) -> Pair:
    """Compute the cells of padding before and after one axis of n cells."""
    span = extent(size, dilation)
    if padding == "SAME":
        total = max((-(-n // stride) - 1) * stride + span - n, 0)
        return (total // 2, total - total // 2)
    before, after = (0, 0) if isinstance(padding, str) else padding
    if ceil_mode:
        windows, over = divmod(n + before + after - span, stride)
        if over and (windows + 1) * stride < n + before:
            after += stride - over
    return (before, after)


def make_window(
    window: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: Any = "VALID",
    dilation: int | Sequence[int] = 1,
    prefix: str = "",
    ceil_mode: bool = False,
) -> Window:
    """Check the arguments and make a Window of them; the stride defaults to the window.

    Raises PoolscopeError naming the key (with `prefix`, such as "pool."), the value and what would fit.
    """
    size = _pair(window, f"{prefix}window", minimum=1)
    return Window(
        size=size,
        stride=size if stride is None else _pair(stride, f"{prefix}stride", minimum=1),
        padding=_padding(padding, f"{prefix}padding"),
        dilation=_pair(dilation, f"{prefix}dilation", minimum=1),
        ceil_mode=ceil_mode,
    )


def format_size(pair: Pair) -> str:
    """Write a height and width in short: "3" where they are the same, else "3x2"."""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _pair(value: Any, key: str, minimum: int) -> Pair:
    parts = list(value) if isinstance(value, (list, tuple)) or _is_list(value) else [value, value]
    if len(parts) != 2 or any(isinstance(part, bool) or not isinstance(part, int) for part in parts):
        raise PoolscopeError(f"{key} must be a whole number or a pair [height, width], not {_plain(value)!r}.")
    if min(parts) < minimum:
        raise PoolscopeError(f"{key} must be at least {minimum}, not {_plain(value)!r}.")
    return (parts[0], parts[1])


def _padding(value: Any, key: str) -> Padding:
    if isinstance(value, str):
        if value.upper() in ("VALID", "SAME"):
            return value.upper()
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return ((value, value), (value, value))
    elif isinstance(value, (list, tuple)) or _is_list(value):
        pairs = [tuple(pair) if isinstance(pair, (list, tuple)) or _is_list(pair) else pair for pair in value]
        if len(pairs) == 2 and all(
            isinstance(pair, tuple)
            and len(pair) == 2
            and all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in pair)
            for pair in pairs
        ):
            return (pairs[0], pairs[1])
    raise PoolscopeError(
        f"{key} must be VALID, SAME, a whole number or [[top, bottom], [left, right]], not {_plain(value)!r}."
    )


def _is_list(value: Any) -> bool:
    """True for OmegaConf's lists, without importing OmegaConf."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if _is_list(value) else value
