"""The decorator: what it leaves of a function, and maps of any number of leading axes."""

from __future__ import annotations

import inspect
from typing import Any, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hand_maps import normal
from pool_geometries import compile_quickly

from poolscope import pooling
from poolscope.pooling.declare import operator
from poolscope.spec.declaration import Real
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.geometry import Window

IMAGES = normal(2, 6, 6, 3)


def halve(x: jax.Array, window: Window, *, factor: float = 0.5) -> jax.Array:
    """The upper left cell of each window, halved."""
    assert x.ndim == 4
    return x[:, :: window.stride[0], :: window.stride[1]] * factor


def test_a_declared_function_keeps_its_name_options_and_words_and_takes_a_window_as_arguments() -> None:
    declared = operator("halve", summary="halves", options={"factor": Real(help="factor", least=0, most=1)})(halve)
    assert str(inspect.signature(declared)) == (
        "(x: 'Array', window: 'Size', stride: 'Stride' = None, padding: 'Any' = 'VALID', *, dilation: 'Any' = 1, "
        "ceil_mode: 'bool' = False, factor: 'float' = 0.5) -> 'Array'"
    )
    assert {*get_type_hints(declared)} == {*inspect.signature(declared).parameters, "return"}
    assert (declared.__name__, declared.__doc__) == (halve.__name__, halve.__doc__)
    assert declared.declaration.name == "halve"
    assert declared.declaration.options["factor"].most == 1
    assert declared(jnp.ones((2, 2, 1)), 2).tolist() == [[[0.5]]]
    assert declared(jnp.ones((3, 3, 1)), window=2, stride=[3, 1], padding=((1, 0), (0, 0)), factor=2).shape == (1, 3, 1)
    with pytest.raises(TypeError, match=r"halve\(\) got an unexpected keyword argument 'facotr'"):
        declared(jnp.ones((2, 2, 1)), 2, facotr=1)


def test_a_function_that_forwards_size_stride_and_padding_itself_is_an_operator_too() -> None:
    def forward(maps: Any, window: Any, stride: Any = None, padding: Any = "VALID", *, dilation: Any = 1) -> jax.Array:
        return 2 * pooling.max_pool(maps, window, stride, padding, dilation=dilation)

    twice = operator("twice", summary="twice")(forward)
    wanted = 2 * pooling.max_pool(IMAGES, 3, 2, "SAME", ceil_mode=True)
    np.testing.assert_array_equal(twice(IMAGES, 3, 2, "SAME", ceil_mode=True), wanted)


@pytest.mark.parametrize(
    ("function", "option"),
    [
        (lambda x, window, p=2.0: x, "p"),
        (lambda x, *, window: x, "window"),
        (lambda x, window, stride, padding="VALID": x, "stride"),
    ],
)
def test_a_function_that_takes_its_options_by_position_is_refused(function: Any, option: str) -> None:
    with pytest.raises(
        PoolscopeError, match=rf"\(x, window, \*, options\), with options by keyword; its {option} is not"
    ):
        operator("mine", summary="mine")(function)


def test_a_field_that_no_declaration_has_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        operator("halve", colour="red")


@pytest.mark.parametrize("shape", [(6, 6, 3), (2, 1, 6, 6, 3)])
def test_any_number_of_leading_axes(shape: tuple[int, ...]) -> None:
    x = jnp.asarray(np.broadcast_to(IMAGES[0], shape))
    pools = (pooling.max_pool, pooling.POOLS["spectral"], pooling.anti_aliased(pooling.lp_pool))
    for y, batch in compile_quickly(lambda x, images: [(pool(x, 2), pool(images, 2)) for pool in pools])(x, IMAGES):
        assert y.shape == (*shape[:-3], 3, 3, 3)
        np.testing.assert_allclose(np.asarray(y).reshape(-1, 3, 3, 3)[0], np.asarray(batch)[0], rtol=1e-6)
    assert jax.eval_shape(pooling.SpaceToDepthPool(2), x).shape == (*shape[:-3], 3, 3, 12)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [([[1.0]], "shape (..., H, W, C), not a list"), (jnp.ones((4, 4)), "shape (N, H, W, C), not (4, 4)")],
)
def test_what_is_no_map_is_refused(x: Any, sentence: str) -> None:
    with pytest.raises(PoolscopeError) as caught:
        pooling.max_pool(x, 2)
    assert sentence in str(caught.value)
