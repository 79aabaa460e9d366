"""Linear functions whose transpose is written by hand, for programs that are differentiated forwards and backwards.

`jax.custom_vjp` gives a function a fast reverse pass and takes forward-mode differentiation from it;
`jax.custom_derivatives.linear_call` keeps both and can't be vectorised (`jax.vmap`, `jax.jacfwd`). `call_linear` can.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax import Array
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

Linear = Callable[..., Array]


def call_linear(
    function: Linear,
    transpose: Linear,
    fixed: Sequence[Array],
    x: Array,
    output: jax.ShapeDtypeStruct,
    *settings: Hashable,
) -> Array:
    """Return function(fixed, x, *settings), linear in x; reverse mode calls transpose(fixed, gradient, *settings).

    Args:
        function: x -> A x for a matrix A that may depend on `fixed`; JAX must be able to differentiate its body.
        transpose: y -> A^T y, likewise. Both at module level: compiled programs are kept by them and their settings.
        fixed: arrays, of any dtype.
        x: floating, any shape.
        output: shape and dtype of A x.
        settings: hashable arguments of both functions.

    Returns: A x. Derivatives of all orders and modes, `jax.vmap` and `jax.jit` apply to it.
    """
    shapes = (jax.ShapeDtypeStruct(x.shape, x.dtype), output)
    result: Array = _linear.bind(*fixed, x, function=function, transpose=transpose, shapes=shapes, settings=settings)
    return result


@dataclass(frozen=True)
class _Mapped:
    """A linear function over a leading axis of x, and of the fixed arrays that have one."""

    function: Linear
    axes: tuple[int | None, ...]

    def __call__(self, fixed: Sequence[Array], x: Array, *settings: Hashable) -> Array:
        mapped = jax.vmap(lambda fixed, x: self.function(fixed, x, *settings), (self.axes, 0))
        result: Array = mapped(tuple(fixed), x)
        return result


def _evaluate(
    *arrays: Array, function: Linear, transpose: Linear, shapes: Any, settings: tuple[Hashable, ...]
) -> Array:
    return function(arrays[:-1], arrays[-1], *settings)


def _differentiate(primals: Sequence[Array], tangents: Sequence[Any], **call: Any) -> tuple[Array, Any]:
    """dA(fixed) x + A(fixed) dx: the first term by JAX, the second by the same linear function."""
    *fixed, x = primals
    *moved, dx = tangents
    result = _linear.bind(*primals, **call)
    terms = [] if type(dx) is ad.Zero else [_linear.bind(*fixed, dx, **call)]
    if moving := [place for place, tangent in enumerate(moved) if type(tangent) is not ad.Zero]:

        def vary(*values: Array) -> Array:
            replaced = dict(zip(moving, values, strict=True))
            given = [replaced.get(place, array) for place, array in enumerate(fixed)]
            return _evaluate(*given, x, **call)

        _, change = jax.jvp(vary, [fixed[place] for place in moving], [moved[place] for place in moving])
        terms.append(change)
    return result, sum(terms[1:], terms[0]) if terms else ad.Zero(jax.typeof(result).to_tangent_aval())


def _transpose(gradient: Any, *arrays: Any, **call: Any) -> list[Any]:
    *fixed, x = arrays
    given = [None] * len(fixed)
    if type(gradient) is ad.Zero:
        return [*given, ad.Zero(x.aval)]
    turned = call | {
        "function": call["transpose"],
        "transpose": call["function"],
        "shapes": call["shapes"][::-1],
    }
    return [*given, _linear.bind(*fixed, gradient, **turned)]


def _vectorise(arrays: Sequence[Array], axes: Sequence[int | None], **call: Any) -> tuple[Array, int]:
    size = next(array.shape[axis] for array, axis in zip(arrays, axes, strict=True) if axis is not None)
    *fixed, x = (
        array if axis is None else jax.numpy.moveaxis(array, axis, 0) for array, axis in zip(arrays, axes, strict=True)
    )
    if axes[-1] is None:
        x = jax.numpy.broadcast_to(x, (size, *x.shape))
    mapped = tuple(None if axis is None else 0 for axis in axes[:-1])
    changes = {name: _Mapped(call[name], mapped) for name in ("function", "transpose")}
    shapes = tuple(jax.ShapeDtypeStruct((size, *one.shape), one.dtype) for one in call["shapes"])
    return _linear.bind(*fixed, x, **(call | changes | {"shapes": shapes})), 0


_linear = Primitive("linear_with_transpose")
_linear.def_impl(jax.jit(_evaluate, static_argnames=("function", "transpose", "shapes", "settings")))
_linear.def_abstract_eval(lambda *arrays, shapes, **_: jax.core.ShapedArray(shapes[1].shape, shapes[1].dtype))
ad.primitive_jvps[_linear] = _differentiate
ad.primitive_transposes[_linear] = _transpose
batching.primitive_batchers[_linear] = _vectorise
mlir.register_lowering(_linear, mlir.lower_fun(_evaluate, multiple_results=False))
