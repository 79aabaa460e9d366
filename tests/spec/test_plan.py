"""The plan of a network, worked out by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_records import make_config

from poolscope.spec.config import ModelConfig, PoolConfig, RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.plan import Plan, describe_dropped, filters, plan_network, pool_parameters, pooled_blocks


def plan(shape: tuple[int, int, int], classes: int = 10, pool: str = "max", **keys: Any) -> Plan:
    return plan_network(make_config(pool, **keys), shape, classes)


def rows(made: Plan) -> list[tuple[Any, ...]]:
    return [
        (layer.name, layer.output, layer.parameters, layer.macs, layer.receptive_field[0], layer.jump[0])
        for layer in made.layers
    ]


def test_the_tutorial_s_network() -> None:
    made = plan((64, 64, 3), 2, model__blocks=1, model__pool_stages=1, model__width=32, model__conv_padding="VALID",
                model__head="none")  # fmt: skip
    assert rows(made) == [
        ("conv1", (62, 62, 32), 896, 62 * 62 * 27 * 32, 3, 1),
        ("relu1", (62, 62, 32), 0, 0, 3, 1),
        ("pool1", (31, 31, 32), 0, 0, 4, 2),
    ]
    assert made.parameters == 896
    assert made.pool_ops == 31 * 31 * 32 * 3
    assert made.remainders == ()


@pytest.mark.parametrize(
    ("pool", "macs", "field", "beyond"),
    [
        ("max", 0, 4, 0),
        ("strided_conv", 9 * (4 * 16), 4, 0),
        ("conv_max", 36 * (4 * 16), 5, 1),  # at every cell of the map
        ("lip", 36 * (9 * 16), 4, 0),
        ("lps", 36 * 9 * (4 * 8 + 8 * 8), 4, 0),
        ("lift", 36 * (3 * 4 + 16) + 18 * (3 * 4 + 16), 4, 0),  # columns, then rows of half the columns
        ("strip", 36 * 16 + (6 + 6) * 3 * 16, 4, 0),
        ("tips", 36 * 9 * 4, 4, 0),
        ("dpp", 0, 4, 0),
        ("dpp, full", 9 * 9 * 4, 5, 1),  # three cells around the first
        ("blur", 0, 5, 2),
    ],
)
def test_what_a_pool_multiplies_and_how_far_it_looks(pool: str, macs: int, field: int, beyond: int) -> None:
    keys = {"model__blocks": 1, "model__pool_stages": 1, "model__width": 4, "model__head": "none"}
    name, _, full = pool.partition(", ")
    layer = plan((6, 6, 1), pool=name, **keys, **({"pool__full": True} if full else {})).layers[-1]
    assert (layer.name, layer.output) == ("pool1", (3, 3, 4))
    assert (layer.macs, layer.receptive_field, layer.beyond) == (macs, (field, field), (beyond, beyond))


@pytest.mark.parametrize(
    ("order", "kinds"),
    [
        (None, ["conv", "norm", "relu", "pool", "conv", "norm", "relu"]),
        ("norm_pool_relu", ["conv", "norm", "pool", "relu", "conv", "norm", "relu"]),
        ("pool_norm_relu", ["conv", "pool", "norm", "relu", "conv", "norm", "relu"]),
        ("relu_pool_norm", ["conv", "relu", "pool", "norm", "conv", "relu", "norm"]),
    ],
)
def test_the_order_of_a_block_s_layers(order: str | None, kinds: list[str]) -> None:
    sizes = {"model__blocks": 2, "model__pool_stages": 1, "model__norm": "batch", "model__head": "none"}
    made = plan((8, 8, 1), model__order=order, pool="space_to_depth", **sizes)
    assert [layer.kind for layer in made.layers] == kinds
    first, second = (next(layer for layer in made.layers if layer.name == f"norm{block}") for block in (1, 2))
    assert first.parameters == 2 * first.output[2] == (2 * 16 if kinds.index("norm") < kinds.index("pool") else 2 * 64)
    assert second.parameters == 2 * 32


def test_lenet_5_and_resnet_20_have_the_parameters_that_are_known_of_them() -> None:
    lenet = {"model__blocks": 2, "model__pool_stages": 2, "model__width": 6, "model__growth": 2.667, "model__kernel": 5}
    lenet |= {"model__conv_padding": "VALID", "model__head": "flatten", "model__hidden": [120, 84]}
    made = plan((32, 32, 1), **lenet)
    assert made.parameters == 61_706  # LeCun et al. 1998 with full connections between maps: 156 + 2,416 + 48,120 + ...
    assert [layer.output for layer in made.layers if layer.kind in ("conv", "hidden")] == [
        *((28, 28, 6), (10, 10, 16)),
        *((1, 1, 120), (1, 1, 84)),
    ]
    resnet = {"model__convs": 6, "model__residual": True, "model__norm": "batch", "model__pool_after": "early"}
    made = plan((32, 32, 3), **resnet)
    biases = sum(layer.output[2] for layer in made.layers if layer.kind in ("conv", "shortcut"))
    assert (
        made.parameters - biases == 272_474
    )  # ResNet-20 with shortcuts that project (option B), as reimplementations count
    assert sum(layer.kind in ("conv", "dense") for layer in made.layers) == 20
    assert [layer.name for layer in made.layers if layer.kind == "shortcut"] == ["shortcut2_2", "shortcut3_2"]
    assert [layer.output for layer in made.layers if layer.kind == "pool"] == [(16, 16, 16), (8, 8, 32)]


def test_a_strided_residual_network_takes_the_stride_in_the_last_convolution_and_its_shortcut() -> None:
    keys = {"model__convs": 2, "model__residual": True, "model__pool_stages": 2, "model__pool_after": "early"}
    made = plan((9, 8, 3), pool="conv_stride", **keys)
    strided = {layer.name: layer.output[:2] for layer in made.layers if layer.window and layer.window.stride == (2, 2)}
    assert strided == {"conv1_2": (5, 4), "shortcut1_2": (5, 4), "conv2_2": (3, 2), "shortcut2_2": (3, 2)}
    assert made.remainders == ()


def test_four_blocks_on_mnist_with_overlapping_windows() -> None:
    made = plan((28, 28, 1), model__blocks=4, model__pool_stages=2, pool__window=3, pool__stride=2)
    assert rows(made) == [
        ("conv1", (28, 28, 16), 160, 28 * 28 * 9 * 16, 3, 1),
        ("relu1", (28, 28, 16), 0, 0, 3, 1),
        ("pool1", (13, 13, 16), 0, 0, 5, 2),
        ("conv2", (13, 13, 32), 4640, 13 * 13 * 9 * 16 * 32, 9, 2),
        ("relu2", (13, 13, 32), 0, 0, 9, 2),
        ("conv3", (13, 13, 64), 18496, 13 * 13 * 9 * 32 * 64, 13, 2),
        ("relu3", (13, 13, 64), 0, 0, 13, 2),
        ("pool2", (6, 6, 64), 0, 0, 17, 4),
        ("conv4", (6, 6, 128), 73856, 6 * 6 * 9 * 64 * 128, 25, 4),
        ("relu4", (6, 6, 128), 0, 0, 25, 4),
        ("avg_head", (1, 1, 128), 0, 0, 25, 4),
        ("head", (1, 1, 10), 1290, 1280, 25, 4),
    ]
    assert made.parameters == 160 + 4640 + 18496 + 73856 + 1290
    assert made.remainders == (
        "pool1 never reads the last 1 row and 1 column of its 28x28 input, because its stride doesn't divide; "
        "pool.padding=SAME or data.pad_to keeps them.",
    )


@pytest.mark.parametrize(
    ("blocks", "stages", "early", "spread", "late"),
    [
        (1, 1, (1,), (1,), (1,)),
        (2, 1, (1,), (1,), (2,)),
        (3, 0, (), (), ()),
        (3, 1, (1,), (2,), (3,)),
        (3, 2, (1, 2), (1, 2), (2, 3)),
        (3, 3, (1, 2, 3), (1, 2, 3), (1, 2, 3)),
        (4, 2, (1, 2), (1, 3), (3, 4)),
        (6, 2, (1, 2), (2, 4), (5, 6)),
        (6, 3, (1, 2, 3), (2, 3, 5), (4, 5, 6)),
    ],
)
def test_where_the_pools_stand(blocks: int, stages: int, early: Any, spread: Any, late: Any) -> None:
    for placement, expected in (("early", early), ("spread", spread), ("late", late)):
        assert pooled_blocks(ModelConfig(blocks, stages, placement)) == expected


@given(st.integers(1, 40), st.integers(0, 40))
def test_spread_stages_are_apart_and_leave_a_block_behind_them(blocks: int, stages: int) -> None:
    assume(stages <= blocks)
    chosen = pooled_blocks(ModelConfig(blocks, stages, "spread"))
    assert len(chosen) == stages
    assert chosen == tuple(sorted(set(chosen)))
    if stages:
        assert 1 <= chosen[0] <= chosen[-1] <= max(stages, blocks - 1)


def test_blocks_can_be_named() -> None:
    assert pooled_blocks(ModelConfig(5, 2, [4, 1])) == (1, 4)
    assert pooled_blocks(ModelConfig(5, 2, 3)) == (3,)
    assert pooled_blocks(ModelConfig(5, 2, [])) == ()
    assert pooled_blocks(ModelConfig(5, 2, [0, 2])) == (0, 2)
    for wrong in ([6], [-1], [1, 1], ["a"], [True], "middle", None):
        with pytest.raises(PoolscopeError, match=r"model\.pool_after must be early, spread, late"):
            pooled_blocks(ModelConfig(5, 2, wrong))
    with pytest.raises(PoolscopeError, match=r"model\.pool_stages must be at most model\.blocks = 3, not 4"):
        pooled_blocks(ModelConfig(3, 4))


def test_images_can_be_pooled_without_any_convolution() -> None:
    model = ModelConfig(blocks=0, pool_after=[0], head="flatten")
    plan = plan_network(RunConfig(model=model, pool=PoolConfig("avg", window=4)), (32, 32, 3), 10)
    assert [layer.kind for layer in plan.layers] == ["pool", "head_pool", "dense"]
    assert plan.layers[0].output == (8, 8, 3)
    assert plan.parameters == (8 * 8 * 3 + 1) * 10
    bare = plan_network(RunConfig(model=model, pool=PoolConfig("none")), (32, 32, 3), 10)
    assert bare.parameters == (32 * 32 * 3 + 1) * 10
    with pytest.raises(PoolscopeError, match="pool=conv_stride has no convolution before it"):
        plan_network(RunConfig(model=model, pool=PoolConfig("conv_stride")), (32, 32, 3), 10)


def test_filters_grow_by_a_factor() -> None:
    assert filters(ModelConfig(blocks=4, width=16)) == (16, 32, 64, 128)
    assert filters(ModelConfig(blocks=6, width=16, growth=1.3)) == (16, 21, 27, 35, 46, 59)
    assert filters(ModelConfig(blocks=3, width=5, growth=1.0)) == (5, 5, 5)
    assert filters(ModelConfig(blocks=4, width=4, growth=0.25)) == (4, 1, 1, 1)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"pool__window": 9}, "pool stage 1 leaves no pixels: pool.window=9 is larger than its 8x8 input"),
        ({"pool__window": [9, 1]}, "pool.window=[9, 1] is larger than its 8x8 input"),
        ({"pool__window": 3}, "pool stage 2 leaves no pixels: pool.window=3 is larger than its 2x2 input"),
        ({"pool__window": 2, "pool__stride": 8}, "pool stage 2 leaves no pixels: pool.window=2 is larger than its 1x1"),
        ({"pool__window": 40, "pool__padding": "SAME"}, "pool stage 1 would see more padding than pixels"),
        ({"pool__padding": 2}, "pool.padding=2 reaches past pool.window=2 at stage 1"),
        (
            {"model__conv_padding": "VALID", "model__pool_stages": 1},
            "conv3 leaves no pixels: model.kernel=3 does not fit its 2x2 input",
        ),
        ({"model__head": "grid", "model__grid": 3}, "model.grid must be at most the side of the last map, 2x2, not 3"),
        ({"pool": "spectral", "model__dense": True}, "pool=spectral sees the whole map and has no a-trous form"),
    ],
)
def test_a_geometry_that_cannot_work_is_refused_with_its_stage(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PoolscopeError, match=re.escape(sentence)):
        plan((8, 8, 1), **keys)


def test_the_smallest_window_that_fails_is_one_more_than_the_largest_that_works() -> None:
    for side in range(2, 20):
        plan((side, side, 1), model__pool_stages=1, pool__window=side)
        with pytest.raises(PoolscopeError, match=f"pool.window={side + 1} is larger than its {side}x{side} input"):
            plan((side, side, 1), model__pool_stages=1, pool__window=side + 1)


def test_remainders_are_said_once_a_layer_in_words() -> None:
    made = plan((9, 10, 1), model__pool_stages=1)
    (sentence,) = made.remainders
    assert sentence.startswith("pool1 never reads the last 1 row of its 9x10 input")
    assert plan((9, 10, 1), model__pool_stages=1, pool__padding="SAME").remainders == ()
    assert describe_dropped((2, 1)) == "2 rows and 1 column"
    assert describe_dropped((0, 3)) == "3 columns"
    assert describe_dropped((0, 0)) == ""


def test_heads_see_as_many_features_as_they_should() -> None:
    def features(head: str, **keys: Any) -> int:
        made = plan((16, 16, 1), model__head=head, **keys)
        return made.layers[-1].macs // 10

    assert features("avg") == features("max") == 64
    assert features("flatten") == 4 * 4 * 64
    assert features("grid") == 2 * 2 * 64
    assert features("grid", model__grid=4) == features("flatten")


def test_pooling_spares_parameters_through_a_flatten_head_only() -> None:
    """Claim 1: the difference is exactly the cells that are gone times the head's columns."""
    for head, cells in (("flatten", 16 * 16 - 4 * 4), ("avg", 0)):
        without, with_ = (plan((16, 16, 1), pool=pool, model__head=head) for pool in ("none", "max"))
        assert without.parameters - with_.parameters == cells * 64 * 10
        assert without.macs > with_.macs


def test_what_operators_learn_is_counted() -> None:
    def count(name: str, channels: int = 5, **keys: Any) -> int:
        return pool_parameters(PoolConfig(name=name, **keys), channels)

    assert [count(name) for name in ("max", "avg", "min", "lp", "soft", "stochastic", "subsample", "none")] == [0] * 8
    assert count("gem") == count("lse") == 0
    assert count("gem", learn=True) == count("lse", learn=True) == count("mixed") == 1
    assert count("mixed", learn=False) == 0
    assert count("gated", window=3) == 9
    assert count("strided_conv", window=2) == 4 * 25 + 5


def test_the_dense_network_has_the_strided_one_s_receptive_field_at_jump_one() -> None:
    keys = {"pool__window": 3, "pool__stride": 2, "model__blocks": 4}
    strided, dense = (plan((32, 32, 3), model__dense=dense, **keys) for dense in (False, True))
    for before, after in zip(strided.layers, dense.layers, strict=True):
        assert after.receptive_field == before.receptive_field
        assert after.jump == (1, 1)
        assert after.parameters == before.parameters
    assert [layer.window.dilation[0] for layer in dense.layers if layer.window] == [1, 1, 2, 2, 2, 4]
