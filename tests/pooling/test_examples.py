"""The examples in the documentation of the public pooling library run, and every public function and layer has one.

Layers and functions are compiled whole at each call (`compiled_calls`).
"""

from __future__ import annotations

import doctest
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from compiled_pools import compile_calls
from flax import nnx
from representatives import REPRESENTATIVES

from poolscope import pooling

_DECLARING = {"Choice", "Learned", "Real", "Sizes", "Switch", "Whole", "operator"}  # in spec.declaration's example
PUBLIC = [name for name in pooling.__all__ if name not in _DECLARING | {"POOLS", "Pool", "find_pool", "make_pool"}]
NAMES: dict[str, Any] = {"jax": jax, "jnp": jnp, "nnx": nnx, "pooling": pooling}
RARE = {name for name in pooling.POOLS if name not in REPRESENTATIVES}
RARE = {f"{name.title().replace('_', '')}Pool" for name in RARE} | {f"{name}_pool" for name in RARE}


@pytest.mark.parametrize(
    "name", ["pooling", *(pytest.param(n, marks=pytest.mark.long) if n in RARE else n for n in PUBLIC)]
)
@pytest.mark.usefixtures("compiled_calls")
def test_the_example_runs(name: str) -> None:
    documented = pooling if name == "pooling" else getattr(pooling, name)
    names = NAMES | {entry: getattr(pooling, entry) for entry in pooling.__all__}
    names |= compile_calls(names)
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(documented) or "", names, name, None, None)
    assert example.examples, f"{name} has no example"
    failures: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=failures.append)
    assert not failures, "".join(failures)
