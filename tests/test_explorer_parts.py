"""The explorer's other arithmetic beside ours: geometry, receptive fields, intervals, shifts on a torus, aliasing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from node import find_node, run_node

from poolscope.measures.information.spectra import aliasing_ratio
from poolscope.measures.torus import apply_on_torus
from poolscope.spec.geometry import Window
from poolscope.spec.receptive_field import ReceptiveField
from poolscope.statistics.inference import summarise, t_quantile

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = CHECKOUT / "results" / "explorer" / "index.html"

pytestmark = pytest.mark.skipif(find_node() is None, reason="needs Node.js")


def call(folder: Path, *calls: tuple[str, list[Any]]) -> list[Any]:
    """What functions of the page return."""
    path = folder / "calls.json"
    path.write_text(json.dumps(calls), encoding="utf-8")
    found: list[Any] = run_node(CHECKOUT / "tests" / "support" / "call_explorer.mjs", PAGE, path)
    return found


def describe(window: Window) -> dict[str, Any]:
    return {"size": window.size, "stride": window.stride, "padding": window.padding, "dilation": window.dilation}


def plane(values: np.ndarray) -> dict[str, Any]:
    return {"height": values.shape[0], "width": values.shape[1], "values": values.ravel().tolist()}


def read(found: dict[str, Any]) -> np.ndarray:
    return np.asarray(found["values"]).reshape(found["height"], found["width"])


def test_stacks_have_our_sizes_and_receptive_fields(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stacks: list[tuple[int, list[Window]]] = []
    while len(stacks) < 200:
        n, windows, size = int(rng.integers(20, 90)), [], (0, 0)
        size = (n, n)
        for _ in range(rng.integers(1, 5)):
            k, s, d = (tuple(rng.integers(1, most, 2).tolist()) for most in (5, 4, 3))
            pads = tuple(tuple(rng.integers(0, each, 2).tolist()) for each in k)
            windows.append(Window(k, s, [("VALID"), ("SAME"), pads][rng.integers(3)], d))
            size = windows[-1].output(*size)
            if min(size) < 1:
                break
        if min(size) >= 1:
            stacks.append((n, windows))
    calls = [("followStack", [n, axis, [describe(w) for w in windows]]) for n, windows in stacks for axis in (0, 1)]
    answers = iter(call(tmp_path, *calls))
    for n, windows in stacks:
        for axis in (0, 1):
            size, field = (n, n), ReceptiveField()
            for window, level in zip(windows, next(answers), strict=True):
                before, size, field = size, window.output(*size), field.after(window)
                assert level["output"] == size[axis]
                assert level["pads"] == list(window.pads(*before)[axis])
                assert level["dropped"] == window.dropped(*before)[axis]
                assert (level["field"], level["jump"]) == (field.size[axis], field.jump[axis])


@pytest.mark.parametrize(
    ("n", "size", "stride", "padding", "out", "dropped"),
    [
        (5, 2, 2, "VALID", 3, 0),
        (4, 2, 2, "VALID", 2, 0),
        (7, 3, 2, ((1, 1), (1, 1)), 4, 0),
        (6, 1, 3, "VALID", 2, 2),  # a third window would start behind the map
    ],
)
def test_ceil_mode_is_padding_at_the_end(
    n: int, size: int, stride: int, padding: Any, out: int, dropped: int, tmp_path: Path
) -> None:
    (found,) = call(tmp_path, ("withCeiling", [n, n, describe(Window((size, size), (stride, stride), padding))]))
    window = Window((size, size), (stride, stride), tuple(map(tuple, found["padding"])))
    assert window.output(n, n) == (out, out)  # as PyTorch's ceil_mode has it
    assert window.dropped(n, n) == (dropped, dropped)


def test_intervals_are_ours(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(0.9, 0.2, 12)
    quantiles = [t_quantile(0.975, degrees) for degrees in range(1, 12)]
    for count in (2, 3, 12):
        (found,) = call(tmp_path, ("summarise", [values[:count].tolist(), quantiles, [0, 1]]))
        ours = summarise(values[:count], bounds=(0, 1))
        assert [found[name] for name in ("n", "mean", "low", "high")] == pytest.approx(
            [ours.n, ours.mean, ours.low, ours.high]
        )


@pytest.mark.parametrize("stride", [(2, 2), (3, 2), (1, 4)])
def test_aliasing_is_ours(stride: tuple[int, int], tmp_path: Path) -> None:
    dense = np.random.default_rng(2).normal(size=(12, 8))
    (spectrum,) = call(tmp_path, ("transformPlane", [plane(dense)]))
    np.testing.assert_allclose(
        np.asarray(spectrum["real"]).reshape(12, 8) + 1j * np.asarray(spectrum["imaginary"]).reshape(12, 8),
        np.fft.fft2(dense),
        atol=1e-9,
    )
    share, folded = call(tmp_path, ("aliasedShare", [spectrum, stride]), ("foldedPart", [plane(dense), stride]))
    assert share == pytest.approx(aliasing_ratio(dense[None, :, :, None], stride).value)
    rows, columns = (np.fft.fftfreq(n) for n in dense.shape)
    carried = [(f >= -0.5 / s) & (f < 0.5 / s) for f, s in zip((rows, columns), stride, strict=True)]
    outside = np.where(np.outer(*carried), 0, np.fft.fft2(dense))
    np.testing.assert_allclose(read(folded), np.fft.ifft2(outside).real[:: stride[0], :: stride[1]], atol=1e-9)


def test_pools_on_a_torus_are_ours(tmp_path: Path) -> None:
    maps = np.random.default_rng(3).normal(size=(8, 12)).astype(np.float32)
    window = Window((3, 2), (2, 2))

    def largest(x: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(x, window.size, axis=(1, 2))
        return windows.max((-2, -1))[:, ::2, ::2]

    ours = apply_on_torus(largest, maps[None, :, :, None], (4, 4), window.stride)[0, :, :, 0]
    (found,) = call(tmp_path, ("poolOnTorus", ["max", plane(maps), describe(window), {}]))
    np.testing.assert_allclose(read(found), ours)


@pytest.mark.parametrize("shift", [(1, -2), (0.5, 0.25), (0, 1.75)])
def test_shifts_are_those_of_the_fourier_transform(shift: tuple[float, float], tmp_path: Path) -> None:
    values = np.random.default_rng(4).normal(size=(8, 7))
    (moved, back) = call(tmp_path, ("shiftPlane", [plane(values), *shift]), ("shiftPlane", [plane(values), 0, 0]))
    spectrum = np.fft.fft2(values)
    for axis, (n, by) in enumerate(zip(values.shape, shift, strict=True)):
        turns = np.exp(-2j * np.pi * np.fft.fftfreq(n) * by)
        if n % 2 == 0:
            turns[n // 2] = np.cos(np.pi * by)
        spectrum = spectrum * np.expand_dims(turns, 1 - axis)
    np.testing.assert_allclose(read(moved), np.fft.ifft2(spectrum).real, atol=1e-9)
    np.testing.assert_array_equal(read(back), values)


def test_an_operator_that_moves_with_its_input_has_no_error(tmp_path: Path) -> None:
    values = np.random.default_rng(5).normal(size=(8, 8))
    still, moved = values[::2, ::2], np.roll(values, (2, 4), (0, 1))[::2, ::2]
    found, other = call(
        tmp_path,
        ("shiftError", [plane(still), plane(moved), 1, 2]),
        ("shiftError", [plane(still), plane(np.roll(values, 1, 0)[::2, ::2]), 0.5, 0]),
    )
    assert found["error"] == pytest.approx(0, abs=1e-12)
    assert other["error"] > 0.5
