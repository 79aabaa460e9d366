"""Every pair of calls in docs/conventions.md, in the other library and in ours: sizes, values, gradients."""

from __future__ import annotations

import importlib
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pool_geometries import compile_quickly

from poolscope import pooling

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conventions.md"
MODULES = {"PyTorch": "torch", "Keras 3": "keras", "Flax": "flax", "Equinox": "equinox"}
OURS = {name: getattr(pooling, name) for name in pooling.__all__ if name[0].islower()} | {"abs": jnp.abs}
Result = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Geometry:
    """A map's height and width, and the names that the calls of the page use."""

    size: tuple[int, int]
    k: tuple[int, int]
    s: tuple[int, int]
    pad: int
    d: int
    o: tuple[int, int]
    ties: bool

    @property
    def names(self) -> dict[str, Any]:
        return {"size": self.size, "k": self.k, "s": self.s, "pad": self.pad, "d": self.d, "o": self.o}

    @property
    def x(self) -> np.ndarray:
        rng = np.random.default_rng(sum(self.size))
        shape = (2, *self.size, 3)
        return (rng.integers(-2, 2, shape) if self.ties else rng.normal(size=shape)).astype(np.float32)


def draw_geometries(seed: int, ties: bool, count: int) -> Iterator[Geometry]:
    """Windows that fit, every other one on maps with many equal cells where ties are asked for."""
    rng = np.random.default_rng(seed)

    def pair(low: int, high: int) -> tuple[int, int]:
        return (int(rng.integers(low, high)), int(rng.integers(low, high)))

    for number in range(count):
        k, d = pair(2, 4), int(rng.integers(1, 3))
        yield Geometry(pair(5, 9), k, pair(1, 4), int(rng.integers(0, 2)), d, pair(1, 6), ties and number % 2 == 0)


def read_rows() -> Iterator[tuple[str, str, str, bool]]:
    """(library, their call, our call, whether they agree at equal cells too) of the page's tables."""
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        library = section.partition("\n")[0]
        for code, ours, note in re.findall(r"^\| `(.+?)` \| `(.+?)` \|(.*)\|$", section, re.MULTILINE):
            yield library, code, ours, "distinct cells" not in note


ROWS = [*read_rows()]


def run_jax(call: Callable[[jax.Array], jax.Array], x: np.ndarray) -> Result:
    """The value and the gradient of the sum of value * cos(place), in the library's own rules of promotion."""

    def weighed(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = call(x)
        if not jnp.issubdtype(y.dtype, jnp.floating):
            return jnp.float32(0), y
        return (y * jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)).sum(), y

    gradient, y = compile_quickly(jax.grad(weighed, has_aux=True))(jnp.asarray(x))
    return np.asarray(y), np.asarray(gradient)


def turn(array: Any, *axes: int) -> Any:
    return array.transpose(axes) if array.ndim == 4 else array


def run_torch(code: str, geometry: Geometry) -> Result:
    torch = importlib.import_module("torch")
    x = torch.tensor(geometry.x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    y = eval(code, {"F": torch.nn.functional, "x": x, **geometry.names})
    back = y.permute(0, 2, 3, 1) if y.ndim == 4 else y
    if y.is_floating_point():
        (back * torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(back.shape)).sum().backward()
    gradient = np.zeros_like(geometry.x) if x.grad is None else turn(x.grad.numpy(), 0, 2, 3, 1)
    return back.detach().numpy(), gradient


def run_theirs(library: str, code: str, geometry: Geometry) -> Result:
    if library == "PyTorch":
        return run_torch(code, geometry)
    names = geometry.names
    if library == "Keras 3":
        names["keras"] = importlib.import_module("keras")
    elif library == "Flax":
        names |= {"nnx": importlib.import_module("flax.nnx"), "linen": importlib.import_module("flax.linen")}
    else:
        names |= {"eqx": importlib.import_module("equinox"), "each": jax.vmap}
    first = library == "Equinox"

    def call(x: jax.Array) -> jax.Array:
        return turn(
            eval(code, names | {"x": turn(x, 0, 3, 1, 2) if first else x}), *((0, 2, 3, 1) if first else range(4))
        )

    with jax.numpy_dtype_promotion("standard"):
        return run_jax(call, geometry.x)


@pytest.fixture
def theirs(request: pytest.FixtureRequest) -> str:
    library: str = request.param
    os.environ["KERAS_BACKEND"] = "jax"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(MODULES[library], reason=f"{library} isn't installed; pip install .[parity]")
    return library


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.long)])
@pytest.mark.parametrize(("theirs", "code", "ours", "ties"), ROWS, indirect=["theirs"], ids=[row[1] for row in ROWS])
def test_both_calls_agree_in_value_and_gradient(theirs: str, code: str, ours: str, ties: bool, count: int) -> None:
    for geometry in draw_geometries(len(code), ties, count):
        expected = run_theirs(theirs, code, geometry)
        found = run_jax(lambda x: eval(ours, OURS | geometry.names | {"x": x}), geometry.x)  # noqa: B023
        for part, (mine, other) in zip(("value", "gradient"), zip(found, expected, strict=True), strict=True):
            assert mine.shape == other.shape, f"{part}: {mine.shape} and {other.shape} at {geometry}"
            largest = max(1.0, float(np.abs(other).max()))
            np.testing.assert_allclose(mine, other, atol=1e-5 * largest, rtol=0, err_msg=f"{part} at {geometry}")


def test_the_page_has_rows_for_every_library() -> None:
    assert {row[0] for row in ROWS} == set(MODULES)
    assert len(ROWS) > 35


def test_the_lower_of_two_medians_is_another_median() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch isn't installed")
    cells = [1.0, 2.0, 3.0, 6.0]
    assert torch.tensor(cells).median().item() == 2.0
    assert pooling.median_pool(jnp.asarray(cells).reshape(2, 2, 1), 2).item() == 2.5


def test_nan_and_its_index() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch isn't installed")
    cells = np.array([[1, np.nan], [np.nan, 2]], np.float32)
    y, index = torch.nn.functional.max_pool2d(torch.tensor(cells)[None], 2, return_indices=True)
    ours, first = pooling.max_pool_with_indices(jnp.asarray(cells)[..., None], 2)
    assert np.isnan(y.item()) and bool(jnp.isnan(ours).all())
    assert (index.item(), first.item()) == (2, 1)


def test_fractional_regions_agree_where_the_ratio_is_whole() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch isn't installed")
    x = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype(np.float32)
    there = torch.tensor(x.transpose(0, 3, 1, 2).copy())
    y = torch.nn.functional.fractional_max_pool2d(there, 2, output_size=(3, 4)).permute(0, 2, 3, 1)
    for key in range(3):
        ours = pooling.fractional_max_pool(jnp.asarray(x), 2.0, jax.random.key(key), overlapping=False)
        np.testing.assert_array_equal(ours, y.numpy())
