"""`poolscope exercise`: forward and backward passes to work out by hand, checked and explained."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from poolscope.commands.apply import build_function, describe_pool, format_shape, read_matrix, read_window
from poolscope.commands.arguments import add_job_flags, add_overrides, prepare_backend, read_count, read_seed
from poolscope.commands.routing import make_grid, name_cell, print_gradient, print_indices
from poolscope.process.terminal import open_console
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, extent
from poolscope.spec.operators import OPERATORS

if TYPE_CHECKING:
    from poolscope.measures.routing import Routing
    from poolscope.spec.config import PoolConfig

SUMMARY = "Set an exercise on pooling, as courses do, check the answer and explain it."
SUBJECTS = {
    "forward": "What does the operator make of this matrix?",
    "backward": "What is the gradient of the sum of cotangent x output by each cell of this matrix?",
    "indices": "Which cell is each output a copy of? Give its number; cells are numbered from 0, row by row.",
    "size": "What height and width has the output?",
}
_PICKS = ("max", "min")  # of equal cells the first is taken
_SMALL = (*_PICKS, "avg")  # asked about small numbers, of which some are equal
_TOLERANCE = 0.0051  # two decimals are enough
_REFUSED = (
    "can't be worked out by hand from its matrix alone; take one that neither learns nor draws, such as max or avg"
)


@dataclass(frozen=True)
class Exercise:
    """A question: its subject, an operator, the matrix it is put to (or only a size) and a cotangent."""

    subject: str
    pool: PoolConfig
    matrix: np.ndarray
    cotangent: np.ndarray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `poolscope exercise`."""
    add_overrides(
        parser,
        f"{', '.join(SUBJECTS)}: what to ask (default: forward or backward); pool=max,avg pool.window=3 ...: what "
        "about. What isn't given is drawn",
    )
    parser.add_argument("--matrix", help='ask about this one, rows separated by "/"; - reads standard input')
    parser.add_argument("--seed", type=read_seed, default=0, help="of the first exercise (default 0)")
    parser.add_argument("--count", type=read_count, default=1, help="exercises in a row, on a terminal (default 1)")
    parser.add_argument("--answer", help='check this answer, such as "6 8 / 14 16", instead of asking for one')
    parser.add_argument("--solution", action="store_true", help="print the solution")
    add_job_flags(parser)


def run(options: argparse.Namespace) -> int:
    """Set exercises; 0 where all answers were right, or none was given, and 1 otherwise."""
    subjects = [word for word in options.overrides if "=" not in word]
    if unknown := [word for word in subjects if word not in SUBJECTS]:
        raise PoolscopeError(f"An exercise is on {', '.join(SUBJECTS)}, not {unknown[0]!r}.")
    overrides = [word for word in options.overrides if "=" in word]
    matrix = None if options.matrix is None else read_matrix(options.matrix)
    asks = options.answer is None and not options.solution and sys.stdin.isatty()
    console, right = open_console(), 0
    count = options.count if asks else 1
    for seed in range(options.seed, options.seed + count):
        exercise = draw_exercise(seed, subjects, overrides, matrix, options.config_dir)
        print_question(console, exercise, seed)
        if asks:
            right += check_answer(console, exercise, _ask(console))
        elif options.answer is not None:
            right += check_answer(console, exercise, read_answer(options.answer))
        elif options.solution:
            explain(console, exercise)
            right += 1
        else:
            console.print(f'Check an answer by --answer "... / ..." (and --seed {seed}), or print the --solution.')
            return 0
    if count > 1:
        console.print(f"{right} of {count} right")
    return 0 if right == count else 1


def draw_exercise(
    seed: int, subjects: list[str], overrides: list[str], matrix: np.ndarray | None, config_dir: str | None = None
) -> Exercise:
    """The exercise of a seed: what the words leave open is drawn.

    Raises PoolscopeError for an operator that can't be worked by hand, and a window that doesn't fit the matrix.
    """
    from poolscope.spec.compose import compose_runs

    rng = np.random.default_rng(seed)
    subject = str(rng.choice(subjects or ["forward", "backward"]))
    rows, columns = map(int, rng.integers(3, 6, 2)) if matrix is None else matrix.shape
    window = int(rng.integers(2, 1 + min(3, rows, columns))) if min(rows, columns) > 1 else 1
    drawn = {
        "pool": str(rng.choice(["max", "min"] if subject == "indices" else ["max", "avg", "min"])),
        "pool.window": str(window),
        "pool.stride": str(rng.integers(1, window + 1)),
        "pool.padding": str(rng.choice(["VALID", "VALID", "VALID", "1", "SAME"])),
    }
    if subject == "size":
        rows, columns = map(int, rng.integers(8, 225, 2)) if matrix is None else (rows, columns)
        drawn |= {"pool.window": str(rng.integers(2, 6)), "pool.stride": str(rng.integers(1, 5))}
        drawn |= {"pool.dilation": str(rng.integers(2, 4))} if rng.random() < 0.25 else {}
    given = {word.partition("=")[0].lstrip("+~") for word in overrides}
    if "pool.window" in given or matrix is not None:  # what would change a given question isn't drawn
        drawn = {key: value for key, value in drawn.items() if key in ("pool", "pool.window")}
    words = overrides + [f"{key}={value}" for key, value in drawn.items() if key not in given]
    pools = [config.pool for config in compose_runs(words, True, config_dir).configs]
    pool = pools[int(rng.integers(len(pools)))]
    if matrix is not None and subject != "size":
        from poolscope.measures.routing import check_traceable

        check_traceable(matrix, "--matrix")
    entry = OPERATORS[pool.name]
    if entry.kind != "local" or entry.learned or entry.stochastic:
        raise PoolscopeError(f"pool={pool.name} {_REFUSED}.")
    if subject == "indices" and pool.name not in _PICKS:
        raise PoolscopeError(f"Outputs of pool={pool.name} aren't copies of cells; ask about {' or '.join(_PICKS)}.")
    if matrix is None:
        spans = [extent(*axis) for axis in zip(read_window(pool).size, read_window(pool).dilation, strict=True)]
        rows, columns = max(rows, spans[0]), max(columns, spans[1])
        distinct = pool.name not in _SMALL
        values = rng.permutation(rows * columns) if distinct else rng.integers(0, 10, rows * columns)
        matrix = values.reshape(rows, columns).astype(np.float32)
    describe_pool(pool, rows, columns)
    cotangent = rng.choice([-2, -1, 1, 2, 3, 4], read_window(pool).output(rows, columns)).astype(np.float32)
    return Exercise(subject, pool, matrix, cotangent)


def print_question(console: Console, exercise: Exercise, seed: int) -> None:
    """Print what is asked, and the rules that the answer depends on."""
    pool, matrix = exercise.pool, exercise.matrix
    window = read_window(pool)
    padding = window.pads(*matrix.shape)
    console.print(
        f"Exercise {seed}, {exercise.subject}: {describe_pool(pool, *matrix.shape).partition(' (')[0]}", end=""
    )
    if max(window.dilation) > 1:
        console.print(f", dilation {window.dilation[0]}x{window.dilation[1]}", end="")
    if any(map(any, padding)):
        (top, bottom), (left, right) = padding
        console.print(f", padding {top} above, {bottom} below, {left} left, {right} right", end="")
    console.print(f"\n{SUBJECTS[exercise.subject]}")
    if exercise.subject == "size":
        console.print(f"The input has height {matrix.shape[0]} and width {matrix.shape[1]}.")
        return
    if any(map(any, padding)):
        counted = getattr(pool, "count_include_pad", None)
        console.print("Padding counts as cells of 0." if counted else "Padding is left out of every window.")
    if pool.name in _PICKS and exercise.subject != "forward":
        console.print("Of equal cells the first in reading order is taken.")
    console.print(f"matrix {format_shape(matrix)}:", make_grid(matrix))
    if exercise.subject == "backward":
        console.print("cotangent:", make_grid(exercise.cotangent))


def check_answer(console: Console, exercise: Exercise, answer: np.ndarray) -> bool:
    """Print whether the answer is right, where it isn't, and why."""
    solution = solve(exercise)
    array = {"forward": "y", "backward": "gradient of x", "indices": "index of y", "size": "size"}[exercise.subject]
    if answer.shape != solution.shape:
        console.print(f"Not right: the answer has {format_shape(solution)} numbers, not {format_shape(answer)}.")
        right = False
    else:
        wrong = np.argwhere(~(np.abs(answer - solution) <= _TOLERANCE))
        right = not len(wrong)
        if right:
            console.print("Right.")
        else:
            cells = (f"{name_cell(array, place)} isn't {answer[tuple(place)]:g}" for place in wrong[:6].tolist())
            more = f" and {len(wrong) - 6} more" if len(wrong) > 6 else ""
            console.print(f"Not right: {', '.join(cells)}{more}.")
    explain(console, exercise)
    return right


def solve(exercise: Exercise) -> np.ndarray:
    """The right answer as a matrix."""
    if exercise.subject == "size":
        return np.array([read_window(exercise.pool).output(*exercise.matrix.shape)], np.float32)
    routing = _trace(exercise)
    if exercise.subject == "indices":
        assert routing.indices is not None
        return routing.indices[:, :, 0].astype(np.float32)
    return routing.gradient if exercise.subject == "backward" else routing.output[:, :, 0]


def explain(console: Console, exercise: Exercise) -> None:
    """Print the solution and how it comes about."""
    window = read_window(exercise.pool)
    if exercise.subject == "size":
        for axis, name in enumerate(("height", "width")):
            console.print(_explain_size(name, exercise.matrix.shape[axis], window, axis, exercise.matrix.shape))
        return
    routing = _trace(exercise)
    if exercise.subject == "backward":
        print_gradient(console, routing)
    elif exercise.subject == "indices":
        print_indices(console, routing)
    else:
        console.print("output:", make_grid(routing.output[:, :, 0]))
        _print_windows(console, exercise, routing)
    words = [f"pool={exercise.pool.name}", *_describe_geometry(window), *_describe_options(exercise.pool)]
    view = ["--cotangent", _join_rows(exercise.cotangent)] if exercise.subject == "backward" else ["--indices"]
    view = [] if exercise.subject == "forward" else view
    console.print(
        "see also:", shlex.join(["poolscope", "apply", *words, "--matrix", _join_rows(exercise.matrix), *view])
    )


def read_answer(text: str) -> np.ndarray:
    """An answer as a matrix; "2x2" is a size."""
    return read_matrix(re.sub(r"(?<=\d)\s*[x×]\s*(?=\d)", " ", text), "--answer")


def _ask(console: Console) -> np.ndarray:
    while True:
        try:
            text = console.input('Your answer, rows separated by "/": ')
        except EOFError as error:
            raise KeyboardInterrupt from error
        try:
            return read_answer(text)
        except PoolscopeError as error:
            console.print(str(error).replace("--answer", "An answer"))


def _trace(exercise: Exercise) -> Routing:
    prepare_backend()
    from poolscope.measures.routing import trace_operator

    function, _ = build_function(exercise.pool, train=False, seed=0)
    return trace_operator(function, exercise.matrix, exercise.cotangent)


def _print_windows(console: Console, exercise: Exercise, routing: Routing) -> None:
    """Each output, from the cells that it reads."""
    places = [*np.ndindex(*routing.output.shape[:2])]
    for place in places[:16]:
        cells = " ".join(f"{value:g}" for value in exercise.matrix[routing.reads[place]])
        value = f"{routing.output[place][0] + 0.0:g}"
        console.print(f"  {name_cell('y', place)} = {exercise.pool.name} of {cells} = {value}")
    if len(places) > 16:
        console.print(f"  ... and {len(places) - 16} more")


def _explain_size(name: str, n: int, window: Window, axis: int, size: tuple[int, ...]) -> str:
    before, after = window.pads(size[0], size[1])[axis]
    k, s, d = window.size[axis], window.stride[axis], window.dilation[axis]
    span = f"{d} x ({k} - 1) + 1 = {extent(k, d)}" if d > 1 else f"{k}"
    return (
        f"{name}: floor((input + padding - span) / stride) + 1 = floor(({n} + {before + after} - {extent(k, d)}) / {s})"
        f" + 1 = {window.output(size[0], size[1])[axis]}, where a window spans {span} cells"
    )


def _describe_geometry(window: Window) -> list[str]:
    def pair(values: tuple[int, int]) -> str:
        return str(values[0]) if values[0] == values[1] else f"[{values[0]},{values[1]}]"

    padding = window.padding
    words = [f"pool.window={pair(window.size)}", f"pool.stride={pair(window.stride)}"]
    if padding != "VALID":
        text = padding if isinstance(padding, str) else "[" + ",".join(f"[{a},{b}]" for a, b in padding) + "]"
        words.append(f"pool.padding={text}")
    return words + [f"pool.dilation={pair(window.dilation)}"] * (max(window.dilation) > 1)


def _describe_options(pool: PoolConfig) -> list[str]:
    defaults = OPERATORS[pool.name].defaults
    chosen = {name: getattr(pool, name) for name in defaults if name != "dilation"}
    return [f"pool.{name}={value}" for name, value in chosen.items() if value not in (None, defaults[name])]


def _join_rows(matrix: np.ndarray) -> str:
    return " / ".join(" ".join(f"{value:g}" for value in row) for row in matrix)
