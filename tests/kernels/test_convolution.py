"""The fast convolution against a float64 loop over filter cells, and against what it stands for on other back ends."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from pool_geometries import compile_quickly

from poolscope.kernels.convolution import fast_conv
from poolscope.spec.geometry import Window

LAYOUT = ("NHWC", "HWIO", "NHWC")


def correlate(
    x: np.ndarray, k: np.ndarray, g: np.ndarray | None, window: Window
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, and for dy = g the gradients dx and dk, in float64, one filter cell at a time."""
    (top, bottom), (left, right) = window.pads(*x.shape[1:3])
    height, width = window.output(*x.shape[1:3])
    padded = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)))
    y = np.zeros((len(x), height, width, k.shape[3]))
    dk, dpadded = np.zeros(k.shape), np.zeros(padded.shape)
    for i, j in np.ndindex(*window.size):
        rows = slice(i * window.dilation[0], i * window.dilation[0] + (height - 1) * window.stride[0] + 1)
        columns = slice(j * window.dilation[1], j * window.dilation[1] + (width - 1) * window.stride[1] + 1)
        at = (slice(None), slice(rows.start, rows.stop, window.stride[0]))
        at += (slice(columns.start, columns.stop, window.stride[1]),)
        y += padded[at] @ k[i, j].astype(np.float64)
        if g is not None:
            dk[i, j] = np.einsum("nhwc,nhwf->cf", padded[at], g)
            dpadded[at] += g @ k[i, j].T.astype(np.float64)
    return y, dpadded[:, top : top + x.shape[1], left : left + x.shape[2]], dk


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], Window, Any]:
    """Shapes of images and filters, the window, and its padding as the caller writes it."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    size, stride, dilation = draw(st.tuples(st.integers(1, 4), st.integers(1, 4))), draw(pair), draw(pair)
    edge = st.tuples(st.integers(0, 4), st.integers(0, 4))
    padding = draw(st.sampled_from(("VALID", "SAME")) | st.tuples(edge, edge))
    window = Window(size, stride, padding, dilation)
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    while window.output(height, width)[0] < 1:
        height += 1
    while window.output(height, width)[1] < 1:
        width += 1
    channels, filters, count = draw(st.integers(1, 6)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return (count, height, width, channels), (*size, channels, filters), window, padding


def pull_back(x: np.ndarray, k: np.ndarray, g: np.ndarray, *given: Any, **named: Any) -> list[np.ndarray]:
    def evaluate(x: jax.Array, k: jax.Array, g: jax.Array) -> tuple[jax.Array, ...]:
        y, pull = jax.vjp(lambda x, k: fast_conv(x, k, *given, **named), x, k)
        return (y, *pull(g))

    quickly = {"xla_backend_optimization_level": 0}  # every case has a shape of its own to compile
    return [np.asarray(part) for part in jax.jit(evaluate, compiler_options=quickly)(x, k, g)]


@settings(max_examples=25)
@given(convolutions(), st.integers(0, 9))
def test_values_and_gradients_equal_a_float64_loop(case: Any, seed: int) -> None:
    shape, filters, window, padding = case
    rng = np.random.default_rng(seed)
    x, k = rng.normal(size=shape).astype(np.float32), rng.normal(size=filters).astype(np.float32)
    g = rng.normal(size=(shape[0], *window.output(*shape[1:3]), filters[3])).astype(np.float32)
    found = pull_back(x, k, g, window.stride, padding, rhs_dilation=window.dilation)
    for ours, exact in zip(found, correlate(x, k, g.astype(np.float64), window), strict=True):
        assert ours.shape == exact.shape and ours.dtype == np.float32
        np.testing.assert_allclose(ours, exact, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("channels", [4, 5])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(2, "SAME", 1), (1, "VALID", 2)])
def test_it_is_jax_s_convolution(channels: int, stride: int, padding: str, dilation: int) -> None:
    rng = np.random.default_rng(channels)
    x, k = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((2, 9, 8, channels), (3, 3, channels, 6)))
    named = {"rhs_dilation": (dilation, dilation), "dimension_numbers": LAYOUT}

    def loss(conv: Any) -> Any:
        return jax.jit(
            jax.value_and_grad(lambda x, k: (conv(x, k, (stride, stride), padding, **named) ** 2).sum(), (0, 1))
        )(x, k)

    numbers = lax.conv_dimension_numbers(x.shape, k.shape, LAYOUT)
    expected = loss(lax.conv_general_dilated)
    named["dimension_numbers"] = numbers
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-4), loss(fast_conv), expected)


def test_bfloat16_stays_bfloat16_and_is_summed_in_float32() -> None:
    rng = np.random.default_rng(0)
    x, k = (jnp.asarray(rng.normal(size=shape), jnp.bfloat16) for shape in ((4, 12, 12, 3), (5, 5, 3, 4)))
    g = jnp.asarray(rng.normal(size=(4, 12, 12, 4)), jnp.bfloat16)
    y, pull = jax.vjp(fast_conv, x, k)
    exact = correlate(*(np.asarray(part, np.float64) for part in (x, k, g)), Window((5, 5), (1, 1), "SAME"))
    for ours, truth in zip((y, *pull(g)), exact, strict=True):
        assert ours.dtype == jnp.bfloat16
        scale = np.abs(truth).max()  # one rounding at the end: half a unit in the eighth digit, of the largest sums
        np.testing.assert_allclose(np.asarray(ours, np.float64), truth, rtol=2**-8, atol=scale * 2**-8)


GROUPED = {"feature_group_count": 2}
TRANSPOSED = {"lhs_dilation": (2, 2), "padding": ((1, 1), (1, 1))}
ODD_ORDER = {"dimension_numbers": ("NCHW", "HWIO", "NHWC")}
FURTHER = {"batch_group_count": 2}
WIDER = {"preferred_element_type": jnp.float32}
LOWER = {"padding": "SAME_LOWER", "window_strides": (2, 2)}


@pytest.mark.parametrize("named", [GROUPED, TRANSPOSED, ODD_ORDER, FURTHER, WIDER, LOWER])
def test_other_convolutions_are_passed_on(named: dict[str, Any]) -> None:
    dtype = jnp.bfloat16 if "preferred_element_type" in named else jnp.float32
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(2, 4, 6, 4)), dtype)
    channels = 4 // named.get("feature_group_count", 1)
    k = jnp.asarray(rng.normal(size=(2, 3, channels, 6)), dtype)
    defaults = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": LAYOUT}
    expected = lax.conv_general_dilated(x, k, **{**defaults, **named})
    found = fast_conv(x, k, **named)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def lowered(function: Any, *given: jax.Array, platform: str) -> str:
    return jax.jit(function).trace(*given).lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize("platform", ["cuda", "tpu", "rocm"])
def test_accelerators_get_native_convolutions_only(platform: str, channels: int) -> None:
    x, k = jnp.ones((2, 8, 8, channels)), jnp.ones((3, 3, channels, 4))
    program = lowered(jax.grad(lambda x, k: fast_conv(x, k).sum(), (0, 1)), x, k, platform=platform)
    assert program.count("stablehlo.convolution") >= 2
    assert not any(word in program for word in ("concatenate", "dot_general", "optimization_barrier"))


@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2)])
def test_the_cpu_gets_its_weight_gradient_as_matrix_products(channels: int, strides: tuple[int, int]) -> None:
    x, k = jnp.ones((2, 8, 8, channels)), jnp.ones((3, 3, channels, 4))
    weights = lowered(jax.grad(lambda k, x: fast_conv(x, k, strides).sum()), k, x, platform="cpu")
    assert "dot_general" in weights and "stablehlo.convolution" not in weights


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (1, 8, 8, 0)])
def test_nothing_is_convolved_to_nothing(shape: tuple[int, ...]) -> None:
    x, k = jnp.zeros(shape), jnp.ones((2, 2, shape[3], 3))
    dx, dk = jax.grad(lambda x, k: fast_conv(x, k, (2, 2)).sum(), (0, 1))(x, k)
    assert dx.shape == x.shape and dk.shape == k.shape and not dk.any()


def test_large_strides_compile_one_convolution() -> None:
    x, k = jnp.ones((1, 32, 32, 8)), jnp.ones((9, 9, 8, 8))
    program = lowered(jax.grad(lambda x, k: fast_conv(x, k, (8, 8)).sum()), x, k, platform="cpu")
    assert program.count("stablehlo.convolution(") == 1


@pytest.mark.parametrize(("size", "convolutions"), [(2, 0), (3, 4)])
def test_the_cpu_multiplies_no_zeros_for_the_gradient_of_strided_images(size: int, convolutions: int) -> None:
    x, k = jnp.ones((2, 8, 8, 8)), jnp.ones((size, size, 8, 64))
    program = lowered(jax.grad(lambda x, k: fast_conv(x, k, (2, 2)).sum()), x, k, platform="cpu")
    assert program.count("stablehlo.convolution(") == convolutions and "interior = [0, 1" not in program


@pytest.mark.parametrize(("filters", "width"), [(4, 2), (16, 4), (32, 8)])
def test_the_cpu_convolves_blocks_of_pixels_where_channels_are_few(filters: int, width: int) -> None:
    x, k = jnp.ones((2, 8, 8, 8)), jnp.ones((3, 3, 8, filters))
    (convolution,) = [
        line for line in lowered(fast_conv, x, k, platform="cpu").splitlines() if "stablehlo.convolution(" in line
    ]
    assert f"-> tensor<2x8x{width}x" in convolution


@pytest.mark.parametrize("count", [48, 47])  # summed in pieces; no divisor near the size of a piece
def test_the_weight_gradient_of_a_large_batch(count: int) -> None:
    rng = np.random.default_rng(0)
    for channels, stride in ((2, 1), (6, 1), (12, 1), (6, 2)):
        window = Window((3, 3), (stride, stride), "SAME")
        x = rng.normal(size=(count, 16, 16, channels)).astype(np.float32)
        k = rng.normal(size=(3, 3, channels, 8)).astype(np.float32)
        g = rng.normal(size=(count, *window.output(16, 16), 8)).astype(np.float32)
        found = pull_back(x, k, g, window.stride, "SAME")
        for ours, exact in zip(found, correlate(x, k, g.astype(np.float64), window), strict=True):
            np.testing.assert_allclose(ours, exact, rtol=1e-5, atol=1e-6 * np.abs(exact).max())


@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("stride", [1, 2])
def test_derivatives_of_both_modes_and_of_second_order(channels: int, stride: int) -> None:
    rng = np.random.default_rng(channels)
    x, u = (jnp.asarray(rng.normal(size=(2, 6, 6, channels)), jnp.float32) for _ in range(2))
    k, v = (jnp.asarray(rng.normal(size=(3, 3, channels, 4)) / 3, jnp.float32) for _ in range(2))

    def derive(conv: Any) -> Any:
        def loss(x: jax.Array, k: jax.Array) -> jax.Array:
            return jnp.tanh(conv(x, k, (stride, stride), "SAME", dimension_numbers=LAYOUT)).sum()

        forward_over_reverse = jax.jvp(jax.grad(loss, (0, 1)), (x, k), (u, v))
        reverse_over_forward = jax.grad(lambda x, k: jax.jvp(loss, (x, k), (u, v))[1], (0, 1))(x, k)
        only_weights = jax.jvp(lambda k: loss(x, k), (k,), (v,))
        return forward_over_reverse, reverse_over_forward, only_weights

    found, expected = compile_quickly(lambda: [derive(fast_conv), derive(lax.conv_general_dilated)])()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4), found, expected)
