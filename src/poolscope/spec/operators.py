"""What pooling operators there are: names, options, defaults and sources, as a table that needs no JAX to be read.

`poolscope.pooling.POOLS` holds the functions under the same names; a test holds the two tables together. The order here
fixes each operator's colour and marker in every figure, so new entries go to the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Operator:
    """One way to make a feature map smaller.

    options: the operator's own options and their defaults (window, stride and padding are common to all).
    learnable: parameters per layer as a formula in K (cells of the window) and C (channels); "0" for none.
    gain: factor on a constant positive input, "1" for most, else a formula or "learned"; a scale change that
        normalisation would hide is said here.
    kind: "local" (a window reduction that composes with blur and dilation), "layer" (the same, by a convolution),
        "map" (sees the whole map: its spectrum, phases or a grid; no dilation, so no a-trous form), or "none".
    channels: factor on the number of channels as a formula in S (product of the strides).
    stride: the only stride that the operator is defined for, where there is one.
    """

    summary: str
    formula: str
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    learnable: str = "0"
    stochastic: bool = False
    gain: str = "1"
    kind: str = "local"
    channels: str = "1"
    stride: int | None = None


def evaluate_formula(formula: str, **names: float) -> int:
    """The whole number that a formula of this table, such as "K*(2^depth - 1)", has for these names."""
    return int(eval(formula.replace("^", "**"), {"__builtins__": {}}, names))


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
    "median": Operator("median of the window", "median x", "Tukey 1977"),
    "ordinal": Operator(
        "sorted window weighted rank by rank, learned for each channel",
        "sum_r w_r x_(r), w = softmax",
        "Deliege et al. 2021",
        learnable="K*C",
    ),
    "tree": Operator(
        "binary tree of learned filters and gates",
        "g left + (1 - g) right, g = sigmoid(sum w x), leaves sum v x",
        "Lee, Gallagher & Tu 2016",
        {"depth": 1},
        learnable="K*(2^(depth + 1) - 1)",
        gain="learned",
    ),
    "random_mixed": Operator(
        "max or average by a coin for each example and channel; their mean when evaluated",
        "b max + (1 - b) avg, b ~ {0, 1}",
        "Yu et al. 2014",
        stochastic=True,
    ),
    "dpp": Operator(
        "mean that preserves details: cells unlike the smoothed map weigh more",
        "sum w x / sum w, w = (q / mean q)^(e^sharpness / 2) + e^offset",
        "Saeedan et al. 2018",
        {"full": False, "asymmetric": False},
        learnable="(2 + 10*full)*C",
    ),
    "edscw": Operator(
        "mean weighted by similarity to the window's mean",
        "sum softmax(DSC(x, mean)) x",
        "Stergiou & Poppe 2023",
        {"gradient": "full"},
    ),
    "em": Operator(
        "exponential-maximum half of AdaPool: soft at beta 1",
        "sum softmax(x) x",
        "Stergiou & Poppe 2023",
        {"gradient": "full"},
    ),
    "ada": Operator(
        "AdaPool: learned blend of edscw and em",
        "alpha edscw + (1 - alpha) em",
        "Stergiou & Poppe 2023",
        {"alpha": 0.5, "learn": True, "gradient": "full"},
        learnable="1",
    ),
    "haar": Operator(
        "low band of the orthonormal Haar wavelet: a scaled average",
        "sqrt(K) mean x",
        "Williams & Li 2018",
        gain="K^(1/2)",
    ),
    "lip": Operator(
        "mean weighted by a learned importance of each cell",
        "sum e^l x / sum e^l, l = 12 sigmoid(norm(conv x))",
        "Gao, Wang & Wu 2019",
        learnable="9*C*C + 2*C",
        kind="map",
    ),
    "spectral": Operator(
        "low frequencies of the Fourier spectrum, scaled to keep the mean",
        "crop of the DFT",
        "Rippel, Snoek & Adams 2015",
        kind="map",
    ),
    "diffstride": Operator(
        "spectral crop with learned strides, cut to the window's output size",
        "crop of mask(strides) DFT",
        "Riad et al. 2022",
        {"smoothness": 4.0},
        learnable="2",
        kind="map",
    ),
    "fractional_max": Operator(
        "max over regions of random size that average to the stride",
        "max over [a_i, a_(i+1)]",
        "Graham 2014",
        {"overlapping": True, "pseudorandom": True},
        stochastic=True,
        kind="map",
    ),
    "s3": Operator(
        "max at stride 1, then random rows and columns of a grid; averaged when evaluated",
        "(max x)[rows, columns]",
        "Zhai et al. 2017",
        {"grid": None},
        stochastic=True,
        kind="map",
    ),
    "aps": Operator(
        "the polyphase component with the largest norm, example by example",
        "x[i::s, j::s], (i, j) = argmax norm",
        "Chaman & Dokmanic 2021",
        {"norm": "l2"},
        kind="map",
    ),
    "lps": Operator(
        "polyphase components scored by a small network; mixed in training, the best one when evaluated",
        "sum softmax((f + gumbel) / tau) x[i::s, j::s]",
        "Rojas-Gomez et al. 2022",
        {"hidden": 8, "tau": 1.0},
        learnable="9*C*hidden + 9*hidden^2 + 2*hidden",
        stochastic=True,
        kind="map",
    ),
    "lift": Operator(
        "learned lifting scheme: even cells, predicted odd ones, updated",
        "even + U(odd - P(even)), by columns and rows",
        "Zhao & Snoek 2021",
        {"bands": "low"},
        learnable="4*(C*C + 5*C)",
        gain="learned",
        kind="map",
        stride=2,
    ),
    "space_to_depth": Operator(
        "every cell kept: blocks become channels",
        "x[i::s, j::s] for all i, j",
        "Shi et al. 2016",
        kind="map",
        channels="S",
    ),
    "adaptive_avg": Operator(
        "mean over bins that cover the map evenly",
        "mean over [i n / o, (i + 1) n / o)",
        "Paszke et al. 2019",
        kind="map",
    ),
    "adaptive_max": Operator(
        "max over bins that cover the map evenly", "max over [i n / o, (i + 1) n / o)", "Paszke et al. 2019", kind="map"
    ),
}

# What composes with every window reduction: a binomial blur before its subsampling (anti-aliasing), and dilation.
COMPOSED: dict[str, Any] = {"filter_size": None, "dilation": None}
OPERATORS = {
    name: replace(
        operator, options={**operator.options, **{k: v for k, v in COMPOSED.items() if k not in operator.options}}
    )
    if operator.kind in ("local", "layer") and name != "conv_stride"
    else operator
    for name, operator in OPERATORS.items()
}
