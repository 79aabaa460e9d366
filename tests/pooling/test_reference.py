"""The reference without pooling is declared, and has no function."""

from __future__ import annotations

from poolscope.pooling import POOLS, reference
from poolscope.spec.operators import OPERATORS


def test_none_is_in_the_catalogue_and_puts_no_layer_into_a_network() -> None:
    declared = OPERATORS["none"]
    assert (declared.module, declared.function) == (reference.__name__, "")
    assert not declared.has_layer and not declared.strides_convolution
    assert declared.family == "reference"
    assert "none" not in POOLS
