"""Exchange the pools of somebody's Flax NNX model."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from flax import nnx

from poolscope.pooling.layers import Pool, make_layer
from poolscope.spec.errors import PoolscopeError

_FLAX_POOLS = (nnx.max_pool, nnx.avg_pool, nnx.min_pool)


def replace_pools(
    model: nnx.Module,
    name: str,
    *,
    channels: int | Mapping[str, int] | None = None,
    convolutions: bool = False,
    rngs: nnx.Rngs | None = None,
    **options: Any,
) -> int:
    """Exchange, in place, the pools of a model for those of another operator with the same window, stride and padding.

    A pool is an attribute, or an element of a list or an nnx.Sequential, that is one of our layers or a partial of
    nnx.max_pool, nnx.avg_pool or nnx.min_pool. A call of these functions within a model's code can't be exchanged.

    Args:
        model: the model, which is changed.
        name: the operator, such as "max_blur".
        channels: of the maps, for operators that learn numbers for each channel: one number, or one by the pool's path,
            such as {"blocks.0.pool": 32}.
        convolutions: also make each convolution with a stride one without, followed by the operator with that stride
            and a window of its size (Zhang 2019 blurs there: name="blur").
        rngs: initial values and draws of the new layers.
        options: of the operator.

    Returns:
        The number of pools exchanged.

    Raises:
        PoolscopeError: for an unknown operator or option, missing channels, and a model without pools.

    Example:
        >>> model = nnx.Sequential(nnx.Conv(1, 4, (3, 3), rngs=nnx.Rngs(0)), make_layer("max", 2))
        >>> replace_pools(model, "max_blur", filter_size=5)
        1
        >>> model(jax.numpy.ones((1, 8, 8, 1))).shape
        (1, 4, 4, 4)
    """
    exchanged = 0
    holders = [(path, module) for path, module in nnx.iter_modules(model) if not isinstance(module, nnx.List)]
    for path, module in holders:
        for place, old in _places(module):
            where = ".".join(map(str, (*path, *place)))
            if isinstance(old, Pool):
                shape: tuple[Any, ...] = (old.window.size, old.window.stride, old.window.padding)
            elif isinstance(old, functools.partial) and old.func in _FLAX_POOLS:
                shape = _partial_window(old, where)
            elif convolutions and isinstance(old, nnx.Conv) and _strides(old) != (1, 1):
                steps = _strides(old)
                shape = (steps, steps, "VALID")
            else:
                continue
            width = channels.get(where) if isinstance(channels, Mapping) else channels
            if isinstance(old, nnx.Conv):
                width = old.out_features
            new: Any = make_layer(name, *shape, channels=width, rngs=rngs, **options)
            if isinstance(old, nnx.Conv):
                old.strides = (1, 1)
                new = nnx.Sequential(old, new)
            _put(module, place, new)
            exchanged += 1
    if not exchanged:
        raise PoolscopeError(
            f"{type(model).__name__} holds no pool to exchange: neither a layer of poolscope.pooling nor a partial of "
            "nnx.max_pool, nnx.avg_pool or nnx.min_pool" + (", nor a strided convolution." if convolutions else ".")
        )
    return exchanged


def _places(module: nnx.Module) -> list[tuple[tuple[str | int, ...], Any]]:
    """What a module holds directly, and the elements of the lists that it holds."""
    found: list[tuple[tuple[str | int, ...], Any]] = []
    for name, value in vars(module).items():
        if isinstance(value, list | tuple | nnx.List):
            found += [((name, number), element) for number, element in enumerate(value)]
        else:
            found.append(((name,), value))
    return found


def _put(module: nnx.Module, place: tuple[str | int, ...], new: Any) -> None:
    if len(place) == 1:
        setattr(module, str(place[0]), nnx.data(new))
        return
    name, number = str(place[0]), int(place[1])
    elements = list(getattr(module, name))
    elements[number] = new
    setattr(module, name, nnx.List(elements))


def _partial_window(pool: functools.partial[Any], where: str) -> tuple[Any, Any, Any]:
    names = ("inputs", "window_shape", "strides", "padding")
    given = dict(zip(names[1:], pool.args, strict=False)) | pool.keywords
    if "window_shape" not in given or len(given["window_shape"]) != 2:
        raise PoolscopeError(f"The pool {where} has no window of two axes, so it can't be exchanged.")
    padding = given.get("padding", "VALID")
    padding = padding if isinstance(padding, str) else tuple(map(tuple, padding))
    return given["window_shape"], given.get("strides") or (1, 1), padding


def _strides(convolution: nnx.Conv) -> tuple[int, ...]:
    strides = convolution.strides
    return (strides, strides) if isinstance(strides, int) else tuple(strides or (1, 1))
