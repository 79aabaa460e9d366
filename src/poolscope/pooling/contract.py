"""What every pooling operator promises, checked on any operator by name: `poolscope check-operator NAME` runs it all.

A check takes an operator's name and raises AssertionError where the promise is broken. Shapes are small, and programs
are compiled for a quick compilation rather than a quick run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from poolscope.pooling.blur import blur_pool
from poolscope.pooling.layers import Pool, make_layer
from poolscope.pooling.lookup import find_pool
from poolscope.spec.declaration import evaluate, name_sizes
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window, make_window
from poolscope.spec.operators import OPERATORS

CHANNELS = 4
_KEY = jax.random.key(7)
_GEOMETRIES = (  # height, width, window, stride, padding, dilation; the last one in check_size has ceil_mode
    (1, 1, 1, 1, "VALID", 1),
    (6, 6, 2, 2, "VALID", 1),
    (7, 5, 3, 2, "SAME", 1),
    (7, 6, 2, (3, 4), "VALID", 1),
    (5, 6, (3, 2), (1, 2), ((1, 2), (0, 1)), 1),
    (9, 8, 2, 2, "VALID", (2, 1)),
)


def check_size(name: str) -> None:
    """The output's size is the window geometry's, its channels are those declared, in both forms."""
    for height, width, *geometry in (*_GEOMETRIES, (6, 8, 3, 2, 1, 1, True)):
        window = _window(name, *geometry)
        x = jax.ShapeDtypeStruct((2, height, width, CHANNELS), jnp.float32)
        for mode in modes(name):
            y = jax.eval_shape(lambda x: build_layer(name, window)(x, **mode), x)  # noqa: B023
            wanted = (2, *window.output(height, width), OPERATORS[name].count_channels(window, CHANNELS))
            assert y.shape == wanted, f"{y.shape} instead of {wanted} for {window} on {height}x{width}"


def check_inputs(name: str) -> None:
    """One map alone and any number of leading axes are taken, and whole numbers are refused in words."""
    window = _window(name, 3, 2, 1, 1, True)
    wanted = window.output(6, 8)
    for leading in ((), (2, 1, 3)):
        x = jax.ShapeDtypeStruct((*leading, 6, 8, CHANNELS), jnp.float32)
        for mode in modes(name):
            y = jax.eval_shape(lambda x: build_layer(name, window)(x, **mode), x)  # noqa: B023
            assert y.shape[:-1] == (*leading, *wanted), f"{y.shape} of maps {x.shape}"
    refusal = "taken"
    try:
        jax.eval_shape(lambda x: build_layer(name, window)(x), jax.ShapeDtypeStruct((1, 6, 8, CHANNELS), jnp.int32))
    except PoolscopeError as error:
        refusal = str(error)
    assert "floating-point" in refusal, f"whole numbers aren't refused but {refusal}"


def check_gradients(name: str, dtype: str = "float32") -> None:
    """Outputs and gradients are finite, also on constant and huge maps, and have the input's dtype."""
    layer = build_layer(name, _window(name, 3, 2, "SAME"))
    shape = (1, 5, 6, CHANNELS)
    noise = np.asarray(draw_maps(*shape), "float32")
    inputs = (noise, np.zeros(shape), np.full(shape, 2.5), np.full(shape, -1e4), 1e4 * noise)
    for mode in modes(name):

        def squared(x: Array, mode: dict[str, Any] = mode) -> tuple[Array, Array]:
            y = layer(x, **mode)
            return jnp.sum(y.astype("float32") ** 2), y

        step = compile_quickly(jax.grad(squared, has_aux=True))
        for x in inputs:
            gradient, y = step(jnp.asarray(x, dtype))
            assert y.dtype == gradient.dtype == jnp.dtype(dtype), f"the output of {dtype} maps is {y.dtype}"
            assert _finite(y), "an output isn't finite"
            assert _finite(gradient), "a gradient isn't finite"


def check_gradients_of_halves(name: str) -> None:
    """The same in bfloat16."""
    check_gradients(name, "bfloat16")


def check_transformations(name: str) -> None:
    """Compiled equals eager, a map over examples equals a loop, and leading axes are independent of each other."""
    layer = build_layer(name, _window(name, (2, 3), (2, 1), ((1, 0), (0, 1))))
    x = draw_maps(2, 6, 7, CHANNELS)
    eager = [layer(x, **mode) for mode in modes(name)]
    compiled, mapped = compile_quickly(lambda x: ([layer(x, **mode) for mode in modes(name)], jax.vmap(layer)(x)))(x)
    for one, other in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mapped, eager[0], rtol=1e-5, atol=1e-6)


def check_derivatives(name: str) -> None:
    """Forward mode is the transpose of reverse mode, and the gradient of a sum of squares has a derivative itself."""
    layer = build_layer(name, _window(name, 3, 2, "SAME"))
    x, moved = draw_maps(1, 5, 6, CHANNELS), draw_maps(1, 5, 6, CHANNELS, seed=1)
    for mode in modes(name):

        def all_of(x: Array, moved: Array, mode: dict[str, Any] = mode) -> tuple[Array, ...]:
            y, tangent = jax.jvp(lambda x: layer(x, **mode), (x,), (moved,))
            (cotangent,) = jax.vjp(lambda x: layer(x, **mode), x)[1](jnp.cos(y))
            gradient = jax.grad(lambda x: jnp.sum(layer(x, **mode) ** 2))
            return jnp.sum(tangent * jnp.cos(y)), jnp.sum(cotangent * moved), jax.jvp(gradient, (x,), (moved,))[1]

        forward, backward, second = compile_quickly(all_of)(x, moved)
        np.testing.assert_allclose(forward, backward, rtol=1e-3, atol=1e-4)
        assert _finite(second), "a second derivative isn't finite"


def check_loops(name: str) -> None:
    """Gradients can be taken through a scan of rematerialised calls, and through maps of maps."""
    layer = build_layer(name, _window(name, 3, 2, "SAME"))
    x = jax.ShapeDtypeStruct((2, 3, 5, 6, CHANNELS), jnp.float32)
    for mode in modes(name):

        def one(x: Array, mode: dict[str, Any] = mode) -> Array:
            return layer(x, **mode)

        def scanned(x: Array, one: Callable[[Array], Array] = one) -> Array:
            return jnp.sum(jax.lax.scan(lambda total, part: (total, jax.checkpoint(one)(part)), 0.0, x)[1] ** 2)

        mapped = jax.vmap(jax.grad(lambda x, one=one: jnp.sum(jax.vmap(one)(x) ** 2)))
        for gradient in (jax.grad(scanned), mapped):
            assert jax.eval_shape(gradient, x).shape == x.shape, "the gradient has another shape than the maps"


def check_gain(name: str) -> None:
    """A constant positive map is scaled by the declared gain."""
    operator = OPERATORS[name]
    if operator.gain == "learned":
        assert operator.learned, "its gain is declared as learned, but it learns nothing"
        return
    window = _window(name, 3, 2, "SAME")
    gain = evaluate(operator.gain, name_sizes(window, CHANNELS, operator.defaults))
    layer = build_layer(name, window)
    x = jnp.asarray(np.full((1, 7, 7, CHANNELS), 1.75, "float32"))
    for y in compile_quickly(lambda x: [layer(x, **mode) for mode in modes(name)])(x):
        inner = np.asarray(y)[:, 1:-1, 1:-1]  # clear of the padding
        np.testing.assert_allclose(inner, np.full(inner.shape, 1.75 * gain), rtol=1e-5)


def check_window_of_one_cell(name: str) -> None:
    """With a window of one cell and no blur, positive maps stay as they are."""
    operator = OPERATORS[name]
    if operator.gain == "learned" or operator.stride is not None:
        return
    changes = {"filter_size": 1} if operator.defaults.get("filter_size") else {}
    layer = build_layer(name, make_window(1), **changes)
    x = jnp.asarray(np.abs(draw_maps(2, 5, 4, CHANNELS)) + np.float32(0.1))
    for y in compile_quickly(lambda x: [layer(x, **mode) for mode in modes(name)])(x):
        np.testing.assert_allclose(y, x, rtol=1e-6)


def check_atrous_form(name: str) -> None:
    """Stride 1 sampled at the stride is the strided form, also of a second stage with its cells that far apart."""
    if OPERATORS[name].kind == "map":
        assert "dilation" not in OPERATORS[name].options, "kind is map, so it can't take a dilation"
        return
    size, stride = (3, 2), (2, 3)
    strided = build_layer(name, make_window(size, stride))
    first = build_layer(name, make_window(size, (1, 1)))
    second = build_layer(name, make_window(size, (1, 1), "VALID", stride))

    def both(x: Array) -> tuple[Array, ...]:
        once, dense = strided(x), first(x)
        twice = second(dense)[:, :: stride[0] ** 2, :: stride[1] ** 2]
        return once, dense[:, :: stride[0], :: stride[1]], strided(once), twice

    once, dense_once, twice, dense_twice = compile_quickly(both)(draw_maps(1, 15, 16, CHANNELS))
    np.testing.assert_allclose(dense_once, once, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dense_twice, twice, rtol=1e-5, atol=1e-6)


def check_anti_aliasing(name: str) -> None:
    """A blur stands between the operator at stride 1 and its subsampling."""
    if "filter_size" not in OPERATORS[name].options:
        return
    own = "filter_size" in OPERATORS[name].keywords
    strided, first = (build_layer(name, make_window(3, step), filter_size=3) for step in (2, 1))
    plain = build_layer(name, make_window(3, 1))

    def both(x: Array) -> tuple[Array, ...]:
        blurred = first(x) if own else blur_pool(plain(x), 1, 1)
        return strided(x), blurred[:, ::2, ::2]

    found, expected = compile_quickly(both)(draw_maps(1, 11, 12, CHANNELS))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def check_parameters(name: str) -> None:
    """A layer learns as many numbers as its declaration counts, and each of its parameters gets a gradient."""
    operator = OPERATORS[name]
    window = _window(name, 2, 2, "VALID")
    learning = {"learn": True} if "learn" in operator.options else {}
    layer, options = build_layer(name, window, **learning), operator.defaults | learning
    graph, state, *rest = nnx.split(layer, nnx.Param, ...)
    count = sum(leaf.size for leaf in jax.tree.leaves(state))
    wanted = operator.count_parameters(window, CHANNELS, options)
    assert count == wanted, f"a layer has {count} parameters, the declaration counts {wanted}"
    if not count:
        return
    rng = np.random.default_rng(1)  # away from starts at which a gradient happens to be 0
    state = jax.tree.map(lambda leaf: jnp.asarray(leaf + 0.3 * rng.normal(size=leaf.shape), leaf.dtype), state)
    x, mode = draw_maps(3, 8, 8, CHANNELS), modes(name)[-1]
    loss = jax.grad(lambda state: jnp.sum(nnx.merge(graph, state, *rest)(x, **mode) ** 3))
    for leaf in jax.tree.leaves(compile_quickly(loss)(state)):
        assert _finite(leaf), "the gradient of a parameter isn't finite"
        assert np.asarray(leaf).any(), "a parameter gets no gradient"


CHECKS: dict[str, Callable[[str], None]] = {
    "size": check_size,
    "inputs": check_inputs,
    "gradients": check_gradients,
    "gradients of halves": check_gradients_of_halves,
    "transformations": check_transformations,
    "derivatives": check_derivatives,
    "loops": check_loops,
    "gain": check_gain,
    "window of one cell": check_window_of_one_cell,
    "a-trous form": check_atrous_form,
    "anti-aliasing": check_anti_aliasing,
    "parameters": check_parameters,
}


def check_operator(name: str) -> Iterator[tuple[str, str, str]]:
    """Check all promises; gives the name of each, what it is, and how it is broken ("" where it holds).

    Raises PoolscopeError for an unknown operator.
    """
    find_pool(name)
    for label, check in CHECKS.items():
        about = (check.__doc__ or "").partition("\n")[0]
        try:
            check(name)
        except (AssertionError, PoolscopeError, TypeError, ValueError) as error:
            yield label, about, " ".join(str(error).split())[:300] or type(error).__name__
        else:
            yield label, about, ""


def build_layer(name: str, window: Window, **options: Any) -> Pool:
    """The operator's layer in its evaluation form."""
    if "dilation" in OPERATORS[name].options:
        options["dilation"] = window.dilation
    rngs, options = nnx.Rngs(3), options | {"ceil_mode": window.ceil_mode}
    layer = make_layer(name, window.size, window.stride, window.padding, channels=CHANNELS, rngs=rngs, **options)
    layer.eval()
    return layer


def modes(name: str) -> tuple[dict[str, Any], ...]:
    """Keywords of a call for evaluation, and for operators that draw at random for training too."""
    training = {"deterministic": False, "rngs": _KEY}
    return ({"deterministic": True}, training) if OPERATORS[name].stochastic else ({},)


def draw_maps(*shape: int, dtype: str = "float32", seed: int = 0) -> Array:
    """Normal numbers."""
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def compile_quickly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Jitted for a quick compilation rather than a quick run."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def _finite(values: Array) -> bool:
    return bool(np.isfinite(np.asarray(values, "float32")).all())


def _window(name: str, size: Any, stride: Any, padding: Any, dilation: Any = 1, ceil_mode: bool = False) -> Window:
    """The window as far as the operator is defined for it."""
    operator = OPERATORS[name]
    takes_dilation = "dilation" in operator.options
    dilation = dilation if takes_dilation else 1
    return make_window(size, operator.stride or stride, padding, dilation, ceil_mode=ceil_mode)
