"""Claims that counting decides: parameters, multiplications, sizes and refusals, each equality checked case by case.

No statistics and no training: the counts are those of the plan (`spec.plan.plan_network`), which the tests hold to
the networks that are built, and are compared here with counts made another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product

import pandas as pd

from poolscope.spec.config import ModelConfig, PoolConfig, RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import make_window
from poolscope.spec.plan import Layer, Plan, filters, plan_network
from poolscope.statistics.verdicts import COLUMNS

COUNTED = "counted"  # the study column of these rows
CLASSES = 10
FIXED = ("max", "avg", "subsample", "blur")
COUNTED_OPERATORS = (  # those that there were when claim 9 was written down; later ones are no cases of it
    *("max", "avg", "min", "lp", "gem", "lse", "soft", "stochastic", "mixed", "gated", "subsample", "strided_conv"),
    *("blur", "max_blur", "median", "ordinal", "tree", "random_mixed", "dpp", "edscw", "em", "ada", "haar", "lip"),
    *("spectral", "diffstride", "fractional_max", "s3", "aps", "lps", "lift", "space_to_depth"),
    *("adaptive_avg", "adaptive_max"),
)
POOLED = [(window, stride) for window in (2, 3, 4) for stride in (2, 4)]


def judge_exactly() -> pd.DataFrame:
    """Judge each counted contrast, in the columns of `judge_contrasts`: n cases checked, `equal` of them equal."""
    return _judge_all().copy()


@cache
def _judge_all() -> pd.DataFrame:
    rows = []
    for number, (hypothesis, measure, check) in _CHECKS.items():
        cases = list(check())
        equal = sum(cases)
        verdict = "supported" if equal == len(cases) else "refuted-unequal"
        row = dict.fromkeys(COLUMNS) | {"claim": int(number.split(".")[0]), "id": number, "study": COUNTED}
        row |= {"hypothesis": hypothesis, "kind": "exact", "measure": measure, "unit": "cases", "verdict": verdict}
        row |= {"n": len(cases), "planned": len(cases), "equal": equal, "failed": 0, "expected": "", "family": 1}
        rows.append(row | {"direction": "higher"})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = [column for column in COLUMNS if frame[column].isna().all()]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _plan(pool: PoolConfig, model: ModelConfig, side: int = 32, channels: int = 3) -> Plan:
    return plan_network(RunConfig(model=model, pool=pool), (side, side, channels), CLASSES)


def _pairs(head: str) -> Iterator[tuple[Plan, Plan, ModelConfig]]:
    """Networks with a pool and without one, alike in all else."""
    for name, (window, stride), stages, side in product(FIXED, POOLED, (1, 2), (28, 32)):
        model = ModelConfig(pool_stages=stages, width=8, head=head)
        pooled = _plan(PoolConfig(name=name, window=window, stride=stride, padding="SAME"), model, side)
        yield pooled, _plan(PoolConfig(name="none"), model, side), model


def _no_parameters() -> Iterable[bool]:
    for head in ("flatten", "avg"):
        for pooled, _, _ in _pairs(head):
            yield from (layer.parameters == 0 for layer in pooled.layers if layer.kind == "pool")


def _flatten_head() -> Iterable[bool]:
    for pooled, bare, model in _pairs("flatten"):
        after, before = (_last_map(plan) for plan in (pooled, bare))
        saved = (before[0] * before[1] - after[0] * after[1]) * filters(model)[-1] * CLASSES
        yield bare.parameters - pooled.parameters == saved > 0


def _average_head() -> Iterable[bool]:
    return (pooled.parameters < bare.parameters for pooled, bare, _ in _pairs("avg"))


def _multiplications() -> Iterable[bool]:
    """Each convolution behind one pool whose stride divides the map, against the same without the pool."""
    for name, stride, block, side in product(FIXED, (2, 4), (1, 2), (16, 32)):
        model = ModelConfig(pool_after=[block], pool_stages=1)
        pooled = _plan(PoolConfig(name=name, window=stride, padding="SAME"), model, side)
        bare = _plan(PoolConfig(name="none"), model, side)
        pairs = zip(_find(pooled, "conv"), _find(bare, "conv"), strict=True)
        yield from (mine.macs * stride**2 == other.macs for mine, other in list(pairs)[block:])


def _stride_one() -> Iterable[bool]:
    for name, window, side in product(FIXED, (2, 3), (16, 32)):
        pooled = _plan(PoolConfig(name=name, window=window, stride=1, padding="SAME"), ModelConfig(), side)
        yield pooled.macs < _plan(PoolConfig(name="none"), ModelConfig(), side).macs


def _output_sizes() -> Iterable[bool]:
    """Windows counted one by one, against the size that the geometry says; a larger stride never gives a larger map."""
    for n, size, stride in product(range(1, 34), range(1, 6), range(1, 6)):
        fitting = sum(1 for start in range(0, n, stride) if start + size <= n)
        starting = sum(1 for start in range(n) if start % stride == 0)
        valid, smaller = (max(make_window(size, step).output(n, n)[0], 0) for step in (stride, stride + 1))
        yield valid == fitting and smaller <= valid
        yield make_window(size, stride, "SAME").output(n, n) == (starting, starting)


def _weightless() -> Iterable[bool]:
    for name, window, width in product(("max", "avg", "min", "subsample", "stochastic", "blur"), (2, 3, 4), (8, 16)):
        plan = _plan(PoolConfig(name=name, window=window), ModelConfig(width=width))
        yield from (layer.parameters == 0 for layer in _find(plan, "pool"))


def _every_operator() -> Iterable[bool]:
    for name in COUNTED_OPERATORS:
        plan = _plan(PoolConfig(name=name), ModelConfig())
        yield sum(layer.parameters for layer in _find(plan, "pool")) == 0


def _geometries() -> Iterator[tuple[int, int, int, int, str]]:
    return product(range(1, 18), range(1, 7), range(1, 5), (1, 2, 3), ("SAME", "VALID"))


def _refusals() -> Iterable[bool]:
    """Refused, in one sentence, exactly where sliding the windows by hand leaves nothing somewhere."""
    for side, window, stride, stages, padding in _geometries():
        model = ModelConfig(pool_stages=stages, conv_padding=padding, width=2)
        possible = _slide(side, window, stride, stages, padding) is not None
        try:
            _plan(PoolConfig(name="max", window=window, stride=stride), model, side, 1)
        except PoolscopeError as refusal:
            sentence = str(refusal)
            yield not possible and "\n" not in sentence and sentence.endswith(".") and ". " not in sentence
        else:
            yield possible


def _remainders() -> Iterable[bool]:
    """A stride that doesn't divide is no mismatch: the network is planned, and each layer that drops cells is named."""
    for side, window, stride, stages, padding in _geometries():
        dropped = _slide(side, window, stride, stages, padding)
        if dropped:
            model = ModelConfig(pool_stages=stages, conv_padding=padding, width=2)
            plan = _plan(PoolConfig(name="max", window=window, stride=stride), model, side, 1)
            yield [sentence.split()[0] for sentence in plan.remainders] == [f"pool{stage}" for stage in dropped]


def _slide(side: int, window: int, stride: int, stages: int, padding: str) -> list[int] | None:
    """Stages whose pool leaves cells unread, by sliding 3x3 convolutions and pools by hand; None where nothing is left.

    The network has three blocks; a stage follows block 1, 2 or 3 as `pool_after: spread` says.
    """
    blocks = {1: (2,), 2: (1, 2), 3: (1, 2, 3)}[stages]
    dropped = []
    for block in (1, 2, 3):
        side = side if padding == "SAME" else side - 2
        if side < 1:
            return None
        if block in blocks:
            starts = [start for start in range(0, side, stride) if start + window <= side]
            if not starts:
                return None
            if starts[-1] + window < side:
                dropped.append(blocks.index(block) + 1)
            side = len(starts)
    return dropped


def _find(plan: Plan, kind: str) -> list[Layer]:
    return [layer for layer in plan.layers if layer.kind == kind]


def _last_map(plan: Plan) -> tuple[int, int, int]:
    """The map that the head reads."""
    return [layer for layer in plan.layers if layer.kind in ("conv", "pool")][-1].output


_CHECKS: dict[str, tuple[str, str, Callable[[], Iterable[bool]]]] = {
    "1.1": ("layers of max, average, subsampling and blur pooling have no parameters", "parameters", _no_parameters),
    "1.2": (
        "with a flatten head, a pool saves exactly (HW - H'W') C classes parameters",
        "parameters",
        _flatten_head,
    ),
    "1.3": ("with a global average head, a pool saves parameters", "parameters", _average_head),
    "1.4": (
        "each convolution behind a pool of stride s takes exactly 1/s² of the multiplications, subsampling alike",
        "macs",
        _multiplications,
    ),
    "1.5": ("a pool of stride 1 saves multiplications", "macs", _stride_one),
    "6.1": (
        "the output has floor((n-k)/s)+1 cells (VALID) or ceil(n/s) (SAME), never more at a larger stride",
        "output size",
        _output_sizes,
    ),
    "9.1": (
        "max, average, minimum, subsampling, stochastic and blur pooling learn nothing",
        "parameters",
        _weightless,
    ),
    "9.2": (
        "no operator of the catalogue of 2026-11-23 has learnable parameters by default",
        "parameters",
        _every_operator,
    ),
    "13.1": (
        "a geometry that leaves no pixels, and no other, is refused before training in one sentence",
        "refusals",
        _refusals,
    ),
    "13.2": (
        "a stride that leaves a remainder is no mismatch: it runs, and what it drops is named",
        "remainders",
        _remainders,
    ),
}
