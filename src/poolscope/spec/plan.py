"""The plan of a network: every layer's size, parameters, multiplications and receptive field, from the configuration.

The plan is plain arithmetic and needs neither JAX nor data. `training.network` builds the network from it, `poolscope
show` prints it, the checks refuse a geometry that can't work by it, and its counts are the cost measures of a run.
Output sizes are those of `geometry`, receptive fields those of `receptive_field`, and the windows of an à-trous network
those of `atrous`.

Formulas: a convolution takes H W k^2 C_in C_out multiply-accumulates (MACs) and k^2 C_in C_out + C_out parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from poolscope.spec.atrous import spread_window
from poolscope.spec.config import PLACEMENTS, ModelConfig, PoolConfig, RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Pair, Window, make_window, per_axis
from poolscope.spec.heads import HEADS
from poolscope.spec.operators import OPERATORS
from poolscope.spec.pool import all_options, find_window
from poolscope.spec.receptive_field import ReceptiveField

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Layer:
    """One step of the network.

    name: the module's name, such as conv1, norm1, pool1, head. kind: conv, norm, relu, pool, head_pool, hidden, dense;
    in a residual network also shortcut, shortcut_norm and sum. opens: whether a shortcut begins before this layer; it
    goes past all layers up to the next sum.
    output: (height, width, channels). macs: multiply-accumulates for one image; pool_ops: what max or average would
    compare or add, whichever the operator. receptive_field, jump: (h, w) in input pixels. window: of a conv or pool.
    dropped: bottom rows and right columns of the input that no window reads. beyond: cells that a pool reads past its
    window, before or behind it.
    """

    name: str
    kind: str
    output: Shape
    parameters: int = 0
    macs: int = 0
    pool_ops: int = 0
    receptive_field: Pair = (1, 1)
    jump: Pair = (1, 1)
    window: Window | None = None
    dropped: Pair = (0, 0)
    beyond: Pair = (0, 0)
    opens: bool = False


@dataclass(frozen=True)
class Plan:
    """The layers of a network in order, for images of shape `input` and a number of classes."""

    input: Shape
    classes: int
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Learnable numbers in the whole network."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image's forward pass."""
        return sum(layer.macs for layer in self.layers)

    @property
    def pool_ops(self) -> int:
        """Comparisons or additions of one image's pooling."""
        return sum(layer.pool_ops for layer in self.layers)

    @property
    def remainders(self) -> tuple[str, ...]:
        """One sentence for each layer whose stride leaves rows or columns of its input unread."""
        sentences = []
        for before, layer in zip((None, *self.layers), self.layers, strict=False):
            if any(layer.dropped):
                height, width = before.output[:2] if before else self.input[:2]
                sentences.append(
                    f"{layer.name} never reads the last {describe_dropped(layer.dropped)} of its {height}x{width} "
                    "input, because its stride doesn't divide; pool.padding=SAME or data.pad_to keeps them."
                )
        return tuple(sentences)


def filters(model: ModelConfig) -> tuple[int, ...]:
    """Filters of each block: width * growth^(block - 1), rounded, at least 1."""
    return tuple(max(1, round(model.width * model.growth**block)) for block in range(model.blocks))


def pooled_blocks(model: ModelConfig) -> tuple[int, ...]:
    """The blocks, counted from 1, that are followed by a pooling stage; 0 stands for the images themselves.

    early: the first ones; late: the last ones; spread: evenly, with a block after the last stage wherever there is one
    to spare (so that average pooling right before a global average is not a stage that does nothing).
    """
    blocks, stages, after = model.blocks, model.pool_stages, model.pool_after
    if not isinstance(after, str):
        chosen = tuple(after) if isinstance(after, (list, tuple)) else (after,)
        if (
            any(isinstance(block, bool) or not isinstance(block, int) for block in chosen)
            or len(set(chosen)) < len(chosen)
            or any(not 0 <= block <= blocks for block in chosen)
        ):
            raise PoolscopeError(
                f"model.pool_after must be early, spread, late or different block numbers from 1 to {blocks} "
                f"(0: the images themselves), not {list(chosen)!r}."
            )
        return tuple(sorted(chosen))
    if after not in PLACEMENTS:
        raise PoolscopeError(
            f"model.pool_after must be {', '.join(PLACEMENTS)} or a list of block numbers, not {after!r}."
        )
    if stages > blocks:
        raise PoolscopeError(f"model.pool_stages must be at most model.blocks = {blocks}, not {stages}.")
    if after == "early" or stages == blocks:
        return tuple(range(1, stages + 1))
    if after == "late":
        return tuple(range(blocks - stages + 1, blocks + 1))
    return tuple((2 * stage * blocks + stages + 1) // (2 * (stages + 1)) for stage in range(1, stages + 1))


def plan_network(config: RunConfig, shape: Shape, classes: int) -> Plan:
    """The plan for images of `shape` (height, width, channels, after any padding).

    Raises PoolscopeError where a window is larger than its input, a stage would leave no pixels, or the combination
    makes no sense, naming the stage and what would fit.
    """
    model, pool = config.model, config.pool
    operator = OPERATORS[pool.name]
    pooled = pooled_blocks(model)
    trace = _Trace(shape, model)
    if 0 in pooled and operator.strides_convolution:
        raise PoolscopeError(
            f"model.pool_after=0 pools the images, where pool={pool.name} has no convolution before it."
        )
    if 0 in pooled and operator.has_layer:
        trace.pool(1, pool)
    for block, count in enumerate(filters(model), start=1):
        stage = pooled.index(block) + 1 if block in pooled else 0
        stride = make_window(pool.window, pool.stride, prefix="pool.").stride
        takes_stride = bool(stage) and operator.strides_convolution
        poolable = bool(stage) and operator.has_layer
        trace.block(
            block, count, stride if takes_stride else (1, 1), partial(trace.pool, stage, pool) if poolable else None
        )
    trace.head(classes)
    return Plan(shape, classes, tuple(trace.layers))


class _Trace:
    """Walks through the layers, keeping the current size and receptive field.

    Windows are worked out on the maps of the strided network, `strided`. An à-trous network has the same windows spread
    by `dilation`, the product of the strides so far.
    """

    def __init__(self, shape: Shape, model: ModelConfig) -> None:
        self.shape = shape
        self.model = model
        self.field = ReceptiveField()
        self.strided: Pair = shape[:2]
        self.dilation: Pair = (1, 1)
        self.layers: list[Layer] = []

    def add(self, kind: str, name: str, **counts: Any) -> None:
        self.layers.append(
            Layer(name, kind, self.shape, receptive_field=self.field.size, jump=self.field.jump, **counts)
        )

    def slide(self, window: Window, channels: int, cells: Pair | None = None) -> dict[str, Any]:
        """Move to the output of a window of the strided network; returns the window that is applied and its drops.

        cells: how many an output depends on, where it isn't as many as the window has.
        """
        height, width, _ = self.shape
        output, stride = window.output(*self.strided), window.stride
        if self.model.dense:
            torus = self.model.conv_padding == "CIRCULAR"
            window = spread_window(window, self.dilation, self.strided, (height, width), torus=torus)
            self.dilation = per_axis(lambda d, s: d * s, self.dilation, stride)
        self.field = self.field.after(window, cells)
        self.shape = (*window.output(height, width), channels)
        self.strided = output
        return {"window": window, "dropped": window.dropped(height, width)}

    def block(self, number: int, channels: int, stride: Pair, pool: Callable[[], None] | None) -> None:
        """The convolutions of a block and what follows each; the stride and the pool belong to the last one."""
        model = self.model
        convs = model.convs or 1
        if model.residual and number == 1:
            self.convolve("conv0", channels, (1, 1))
            self.follow("0", ("norm", "relu"))
        for place in range(1, convs + 1):
            name = f"{number}" if convs == 1 else f"{number}_{place}"
            last = place == convs
            opens = bool(model.residual) and place % 2 == 1
            if opens:
                start = self.shape, self.strided, self.dilation
            self.convolve(f"conv{name}", channels, stride if last else (1, 1), opens=opens)
            if opens or not model.residual:
                parts = (model.order or "norm_relu_pool").split("_") if last else ["norm", "relu"]
                self.follow(name, parts, pool)
            else:
                self.follow(name, ["norm"])
                self.shortcut(name, start, channels, stride if last else (1, 1))
                self.add("sum", f"sum{name}")
                self.follow(name, ["relu", "pool"] if last else ["relu"], pool)

    def follow(self, name: str, parts: Sequence[str], pool: Callable[[], None] | None = None) -> None:
        """Normalisation, ReLU and pool behind a convolution, in this order."""
        for part in parts:
            if part == "pool" and pool:
                pool()
            elif part == "norm" and self.model.norm != "none":
                self.add("norm", f"norm{name}", parameters=2 * self.shape[2])
            elif part == "relu":
                self.add("relu", f"relu{name}")

    def shortcut(self, name: str, start: tuple[Shape, Pair, Pair], channels: int, stride: Pair) -> None:
        """A convolution of one cell with its normalisation where the map has changed; else the map itself goes past."""
        shape, strided, dilation = start
        if shape[2] == channels and stride == (1, 1):
            return
        window = make_window(1, stride, "SAME")
        if self.model.dense:
            torus = self.model.conv_padding == "CIRCULAR"
            window = spread_window(window, dilation, strided, shape[:2], torus=torus)
        cells = shape[2] * channels
        macs = self.shape[0] * self.shape[1] * cells
        self.add("shortcut", f"shortcut{name}", parameters=cells + channels, macs=macs, window=window)
        if self.model.norm != "none":
            self.add("shortcut_norm", f"shortcut_norm{name}", parameters=2 * channels)

    def convolve(self, name: str, channels: int, stride: Pair, opens: bool = False) -> None:
        height, width = self.strided
        depth, model = self.shape[2], self.model
        around = ((model.kernel - 1) // 2, model.kernel // 2)
        padding = (around, around) if model.conv_padding == "CIRCULAR" else model.conv_padding
        window = make_window(model.kernel, stride, padding)
        if min(window.output(height, width)) < 1:
            raise PoolscopeError(
                f"{name} leaves no pixels: model.kernel={model.kernel} does not fit its {height}x{width} input; use "
                "model.conv_padding=SAME, a smaller kernel, fewer pooling stages or larger images (data.pad_to)."
            )
        applied = self.slide(window, channels)
        cells = window.cells * depth * channels
        macs = self.shape[0] * self.shape[1] * cells
        self.add("conv", name, parameters=cells + channels, macs=macs, opens=opens, **applied)

    def pool(self, stage: int, pool: PoolConfig) -> None:
        height, width = self.strided
        channels, operator = self.shape[2], OPERATORS[pool.name]
        window = find_window(pool)
        if operator.kind == "map" and self.model.dense:
            raise PoolscopeError(
                f"model.dense=true needs a pool that reads windows; pool={pool.name} sees the whole map and has no "
                "a-trous form."
            )
        if operator.stride is not None and set(window.stride) != {operator.stride}:
            raise PoolscopeError(
                f"pool.stride must be {operator.stride} for pool={pool.name}, not {_size(window.stride)}."
            )
        if min(window.output(height, width)) < 1:
            raise PoolscopeError(
                f"pool stage {stage} leaves no pixels: pool.window={_size(window.size)} is larger than its "
                f"{height}x{width} input; use a smaller pool.window or pool.stride, fewer model.pool_stages, or larger "
                "images (data.pad_to)."
            )
        if any(max(pad) >= k for pad, k in zip(window.pads(height, width), window.size, strict=True)):
            raise PoolscopeError(
                f"pool.padding={pool.padding} reaches past pool.window={pool.window} at stage {stage}, so that a "
                "window would see nothing but padding; each side must be smaller than the window."
            )
        if any(max(pad) > n for pad, n in zip(window.pads(height, width), (height, width), strict=True)):
            raise PoolscopeError(
                f"pool stage {stage} would see more padding than pixels: pool.window={_size(window.size)} is larger "
                f"than its {height}x{width} input; use a smaller pool.window or fewer model.pool_stages."
            )
        options, given = all_options(pool), self.shape
        read = operator.count_cells(window, options)
        applied = self.slide(window, operator.count_channels(window, channels), read)
        cells = self.shape[0] * self.shape[1]
        self.add(
            "pool",
            f"pool{stage}",
            parameters=pool_parameters(pool, channels),
            macs=operator.count_macs(window, given, self.shape[:2], options),
            pool_ops=0 if operator.kind == "layer" else cells * channels * (window.cells - 1),
            beyond=operator.count_beyond(window, options),
            **applied,
        )

    def head(self, classes: int) -> None:
        model = self.model
        if model.head == "none":
            return
        height, width, _ = self.shape
        if model.head == "grid" and min(height, width) < model.grid:
            raise PoolscopeError(
                f"model.grid must be at most the side of the last map, {height}x{width}, not {model.grid}."
            )
        head = HEADS[model.head]
        features, parameters = head.count_features(self.shape, model.grid), head.count_parameters(self.shape)
        rows, columns = {"flatten": (height, width), "grid": (model.grid, model.grid)}.get(model.head, (1, 1))
        self.shape = (rows, columns, features // (rows * columns))
        name = "flatten" if model.head == "flatten" else f"{model.head}_head"
        self.add("head_pool", name, parameters=parameters)
        for place, units in enumerate(model.hidden or [], start=1):
            self.shape = (1, 1, units)
            self.add("hidden", f"hidden{place}", parameters=(features + 1) * units, macs=features * units)
            features = units
        self.shape = (1, 1, classes)
        self.add("dense", "head", parameters=(features + 1) * classes, macs=features * classes)


def pool_parameters(pool: PoolConfig, channels: int) -> int:
    """Learnable numbers of one pooling layer for that many channels."""
    return OPERATORS[pool.name].count_parameters(find_window(pool), channels, all_options(pool))


def describe_dropped(dropped: Pair) -> str:
    """Rows and columns that no window reads, in words; "" for none."""
    words = [
        f"{count} {noun}{'s' * (count > 1)}" for count, noun in zip(dropped, ("row", "column"), strict=True) if count
    ]
    return " and ".join(words)


def _size(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"[{pair[0]}, {pair[1]}]"
