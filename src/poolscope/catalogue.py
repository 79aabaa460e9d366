"""What pooling operators there are: names, options, defaults and sources, as a table that needs no JAX to be read.

`poolscope.pooling.POOLS` holds the functions under the same names; a test holds the two tables together. The order here
fixes each operator's colour and marker in every figure, so new entries go to the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Operator:
    """One way to make a feature map smaller.

    options: the operator's own options and their defaults (window, stride and padding are common to all).
    learnable: parameters per layer as a formula in K (cells of the window) and C (channels); "0" for none.
    gain: factor on a constant input ("1" for most); a scale change that normalisation would hide is said here.
    kind: "local" (a window reduction that composes with blur and dilation), "layer" (acts through the network, as a
        convolution or a stride), or "none".
    """

    summary: str
    formula: str
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    learnable: str = "0"
    stochastic: bool = False
    gain: str = "1"
    kind: str = "local"


OPERATORS: dict[str, Operator] = {
    "max": Operator("largest value of the window", "max x", "Yamaguchi et al. 1990"),
    "avg": Operator("mean of the window, padding left out", "mean x", "LeCun et al. 1990"),
    "min": Operator("smallest value of the window", "min x", "-max(-x)"),
}
