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
    gain: factor on a constant positive input, "1" for most, else a formula or "learned"; a scale change that
        normalisation would hide is said here.
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
    "avg": Operator(
        "mean of the window, padding left out", "mean x", "LeCun et al. 1990", {"count_include_pad": False}
    ),
    "min": Operator("smallest value of the window", "min x", "-max(-x) of Yamaguchi et al. 1990"),
    "lp": Operator("Lp norm of the window", "(sum |x|^p)^(1/p)", "Sermanet et al. 2012", {"p": 2.0}, gain="K^(1/p)"),
    "gem": Operator(
        "generalised (power) mean, exponent fixed or learned",
        "(mean max(x, eps)^p)^(1/p)",
        "Radenovic, Tolias & Chum 2018",
        {"p": 3.0, "eps": 1e-6, "learn": False},
        learnable="1",
    ),
    "lse": Operator(
        "log-mean-exp, between average and max, sharpness fixed or learned",
        "(1/beta) log mean exp(beta x)",
        "Boureau, Ponce & LeCun 2010",
        {"beta": 10.0, "learn": False},
        learnable="1",
    ),
    "soft": Operator(
        "mean weighted by the softmax of the window",
        "sum softmax(beta x) x",
        "Stergiou, Poppe & Kalliatakis 2021",
        {"beta": 1.0, "gradient": "full"},
    ),
    "stochastic": Operator(
        "one cell drawn in proportion to its value; its expectation when evaluated",
        "x_l, l ~ x / sum x; evaluated: sum x^2 / sum x",
        "Zeiler & Fergus 2013",
        stochastic=True,
    ),
    "mixed": Operator(
        "learned blend of max and average, one number a layer",
        "alpha max + (1 - alpha) avg",
        "Lee, Gallagher & Tu 2016",
        {"alpha": 0.5, "learn": True},
        learnable="1",
    ),
    "gated": Operator(
        "blend of max and average that a learned filter gates, window by window",
        "g max + (1 - g) avg, g = sigmoid(sum w x)",
        "Lee, Gallagher & Tu 2016",
        learnable="K",
    ),
    "subsample": Operator("first cell of the window: plain decimation", "x[::s]", "control without pooling"),
    "strided_conv": Operator(
        "learned convolution with the pool's window and stride, then ReLU",
        "max(0, b + sum w x)",
        "Springenberg et al. 2015",
        learnable="K*C*C+C",
        gain="learned",
        kind="layer",
    ),
    "conv_stride": Operator(
        "no pooling layer: the preceding convolution takes the stride",
        "conv at stride s",
        "Springenberg et al. 2015",
        gain="learned",
        kind="layer",
    ),
    "none": Operator("no pooling: maps keep their size", "x", "control without pooling", kind="none"),
    "blur": Operator("binomial blur, then decimation", "(b * x)[::s]", "Zhang 2019", {"filter_size": 3}),
    "max_blur": Operator(
        "max at stride 1, binomial blur, then decimation", "(b * max x)[::s]", "Zhang 2019", {"filter_size": 3}
    ),
}
