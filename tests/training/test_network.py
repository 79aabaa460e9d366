"""The network against its plan, against XLA's counts and its own gradients."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jax import lax
from pool_geometries import compile_quickly
from small_runs import build, choose, configure, forward, images_like

from poolscope.pooling import find_pool, spatial_pyramid_pool
from poolscope.spec.config import RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.heads import HEADS
from poolscope.spec.operators import OPERATORS
from poolscope.spec.plan import plan_network
from poolscope.training.network import ConvNet

LEARNED = ("gated", "lps", "strided_conv")


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[str], tuple[int, int, int]]:
    """Overrides of a network and the shape of its images."""
    blocks = draw(st.integers(0, 4))
    after: Any = draw(st.sampled_from(("early", "spread", "late")) | st.lists(st.integers(0, blocks), unique=True))
    overrides = choose(
        draw,
        pool__name=list(OPERATORS),
        pool__window=[1, 2, 3, "[2,3]"],
        pool__stride=["null", 1, 2, 3, "[1,2]"],
        pool__padding=["VALID", "SAME", 1, "[[0,1],[1,0]]"],
        model__width=[1, 3],
        model__growth=[0.5, 1.7],
        model__kernel=[1, 2, 3],
        model__conv_padding=["SAME", "VALID", "CIRCULAR"],
        model__norm=["none", "batch", "layer", "group"],
        model__head=["flatten", "avg", "max", "grid", "none"],
        model__dense=["false", "true"],
    )
    overrides += [f"model.blocks={blocks}", f"model.pool_stages={draw(st.integers(0, blocks))}"]
    overrides += [f"model.pool_after={after}"]
    if draw(st.booleans()):
        overrides += ["model.convs=2", f"model.residual={draw(st.booleans())}"]
        if "model.residual=True" in overrides and "model.conv_padding=VALID" in overrides:
            overrides.append("model.conv_padding=SAME")
    if draw(st.booleans()) and "model.head=none" not in overrides:
        overrides.append("model.hidden=[3,2]")
    if draw(st.booleans()) and any(f"pool.name={name}" in overrides for name in ("gem", "lse", "mixed")):
        overrides.append(f"pool.learn={draw(st.booleans())}".lower())
    side = st.integers(4, 14)
    return overrides, (draw(side), draw(side), draw(st.integers(1, 3)))


def count(tree: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@settings(max_examples=15)
@given(networks())
def test_the_plan_is_the_network(case: Any) -> None:
    compare_with_plan(*case)


@pytest.mark.long
@settings(max_examples=200)
@given(networks())
def test_the_plan_is_the_network_wherever_one_looks(case: Any) -> None:
    compare_with_plan(*case)


def compare_with_plan(overrides: list[str], shape: tuple[int, int, int]) -> None:
    config = configure(*overrides)
    try:
        plan = plan_network(config, shape, 5)
    except PoolscopeError:
        assume(False)

    def run(images: jax.Array) -> Any:
        model = ConvNet(config, plan, jax.random.key(0))
        return model(images, train=False), nnx.to_pure_dict(nnx.state(model, nnx.Param))

    (logits, taps), params = jax.eval_shape(run, jax.ShapeDtypeStruct((2, *shape), jnp.float32))
    outputs = {layer.name: layer.output for layer in plan.layers}
    planned = {layer.name: layer.parameters for layer in plan.layers if layer.parameters}
    assert {name: count(leaves) for name, leaves in params.items() if leaves} == planned
    assert plan.parameters == count(params)
    assert list(taps) == [layer.name for layer in plan.layers if layer.kind == "pool"]
    inputs = dict(zip(outputs, [shape, *outputs.values()], strict=False))
    for name, (before, after) in taps.items():
        assert before.shape == (2, *inputs[name])
        assert after.shape == (2, *outputs[name])
    last = plan.layers[-1].output if plan.layers else shape
    assert logits.shape == ((2, *last) if config.model.head == "none" else (2, 5)) and logits.dtype == jnp.float32


@pytest.mark.parametrize(
    "overrides",
    [
        ["pool.name=conv_stride", "model.kernel=2"],
        ["pool.name=strided_conv", "pool.window=3", "pool.stride=1", "model.head=none"],
        ["pool.name=strided_conv", "model.dense=true"],
    ],
)
def test_macs_are_half_of_xla_s_flops(overrides: list[str]) -> None:
    base = ["model.conv_padding=VALID", "model.head=flatten", "model.blocks=3", "model.pool_stages=2"]
    plan, model = build(configure(*base, *overrides), (20, 18, 2), 7)
    parts = nnx.split(model)
    program = jax.jit(lambda state, x: nnx.merge(parts[0], state)(x, train=False)[0])
    traced = program.trace(
        parts[1], jax.ShapeDtypeStruct((1, 20, 18, 2), jnp.float32)
    )  # on CPU thin layers take more, over blocks of pixels
    flops = traced.lower(lowering_platforms=("cuda",)).cost_analysis()["flops"]
    # Besides: a bias for every number that a convolution or the head gives, and for all but the head's a ReLU: a
    # comparison and a choice (a strided convolution's is one maximum).
    sizes = {layer.kind: 0 for layer in plan.layers}
    for layer in plan.layers:
        sizes[layer.kind] += int(np.prod(layer.output))
    beside = sizes["conv"] + 2 * sizes["relu"] + 2 * sizes.get("pool", 0) + sizes.get("dense", 0)
    assert flops == 2 * plan.macs + beside


@pytest.mark.parametrize("pool", ["max", "conv_stride"])
def test_a_residual_network_is_what_he_et_al_wrote(pool: str) -> None:
    """relu(norm(conv(relu(norm(conv(x))))) + x), the sum's x by a 1x1 convolution where its size or channels change."""
    plan, model = build(configure(f"pool.name={pool}", "model.width=3", model="resnet"), (8, 8, 2))
    rng = np.random.default_rng(0)
    for _, value in nnx.iter_graph(model):
        if isinstance(value, nnx.BatchNorm):
            value.mean[...], value.var[...] = rng.normal(size=value.mean.shape), rng.uniform(0.5, 2, value.mean.shape)
            value.scale[...], value.bias[...] = rng.normal(size=value.mean.shape), rng.normal(size=value.mean.shape)

    def conv(x: Any, name: str, stride: int = 1) -> Any:
        layer = getattr(model, name)
        dims = ("NHWC", "HWIO", "NHWC")
        return (
            lax.conv_general_dilated(x, layer.kernel[...], (stride, stride), "SAME", dimension_numbers=dims)
            + layer.bias[...]
        )

    def norm(x: Any, name: str) -> Any:
        layer = getattr(model, name)
        scale = layer.scale[...] / np.sqrt(layer.var[...] + 1e-5)
        return (x - layer.mean[...]) * scale + layer.bias[...]

    def unit(x: Any, block: int, stride: int, changes: bool) -> Any:
        inner = jax.nn.relu(norm(conv(x, f"conv{block}_1"), f"norm{block}_1"))
        outer = norm(conv(inner, f"conv{block}_2", stride), f"norm{block}_2")
        beside = norm(conv(x, f"shortcut{block}_2", stride), f"shortcut_norm{block}_2") if changes else x
        return jax.nn.relu(outer + beside)

    def halve(x: Any) -> Any:
        return lax.reduce_window(x, -np.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") if pool == "max" else x

    stride = 1 if pool == "max" else 2
    images = images_like((3, 8, 8, 2))
    x = jax.nn.relu(norm(conv(images, "conv0"), "norm0"))
    x = halve(unit(x, 1, stride, pool != "max"))
    x = unit(halve(unit(x, 2, stride, True)), 3, 1, True).mean((1, 2))
    expected = x @ model.head.kernel[...] + model.head.bias[...]
    np.testing.assert_allclose(model(images, train=False)[0], expected, rtol=1e-4, atol=1e-4)
    assert plan.layers[-3].output == (2, 2, 12)


FIELDS = [("avg", "false"), ("conv_stride", "false"), ("max_blur", "true"), ("lp", "false")]
MORE = [(pool, "false") for pool in ("strided_conv", "blur", "max_blur", "subsample", "dpp")]


@pytest.mark.parametrize(("pool", "dense"), [*FIELDS, *(pytest.param(*case, marks=pytest.mark.long) for case in MORE)])
def test_the_receptive_field_is_where_the_gradient_is(pool: str, dense: str) -> None:
    config = configure(
        f"pool.name={pool}",
        f"model.dense={dense}",
        *("model.blocks=3", "model.pool_stages=2", "model.pool_after=[1,2]", "model.width=2", "model.head=none"),
        *("model.conv_padding=VALID", "pool.window=[3,2]", "pool.stride=2"),
        *(["pool.filter_size=4"] if pool == "lp" else ["pool.full=true"] if pool == "dpp" else []),
    )
    shape = (51, 49, 1)
    plan, model = build(config, shape)
    params = nnx.state(model, nnx.Param)
    nnx.update(
        model, jax.tree.map(lambda leaf: jnp.asarray(np.abs(leaf) + 0.1), params)
    )  # all positive: nothing cancels
    middle = tuple(side // 2 for side in plan.layers[-1].output[:2])
    x = np.random.default_rng(0).uniform(1, 2, (1, *shape)).astype(np.float32)
    gradient = compile_quickly(jax.grad(lambda x: model(x, train=False)[0][0, middle[0], middle[1]].sum()))(x)
    rows, columns = np.nonzero(np.asarray(gradient)[0, :, :, 0])
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == plan.layers[-1].receptive_field
    assert rows.min() > 0 and rows.max() < shape[0] - 1 and columns.min() > 0 and columns.max() < shape[1] - 1


def initial(config: RunConfig, seed: int) -> dict[str, Any]:
    return nnx.to_pure_dict(nnx.state(build(config, (8, 8, 1), 4, seed)[1], nnx.Param))


def test_arms_share_the_initial_weights_of_what_they_share() -> None:
    network = ["model.blocks=3", "model.pool_stages=2", "model.norm=batch"]
    arms = {name: configure(f"pool.name={name}", *network) for name in ("max", "conv_stride", *LEARNED)}
    arms["dense"] = configure("pool.name=max", "model.dense=true", *network)
    arms["learned"] = configure("pool.name=gem", "pool.learn=true", *network)
    first = initial(arms["max"], 3)
    assert set(first) == {"conv1", "conv2", "conv3", "norm1", "norm2", "norm3", "head"}
    for config in arms.values():
        params = initial(config, 3)
        shared = {name: params[name] for name in first}
        jax.tree.map(np.testing.assert_array_equal, shared, first)
    other = initial(arms["max"], 4)
    kernels = [tree[name]["kernel"] for tree in (first, other) for name in ("conv1", "conv2", "conv3", "head")]
    assert all(not np.array_equal(a, b) for a, b in zip(kernels[:4], kernels[4:], strict=True))
    squares = initial(configure("pool.name=strided_conv", "model.growth=1", *network), 3)
    drawn = [squares[name]["kernel"] for name in ("conv2", "conv3")]
    assert not np.array_equal(*drawn)  # equal shapes, but names of their own


def test_taps_are_the_activations_before_and_after_each_pool() -> None:
    config = configure("model.blocks=3", "model.pool_stages=2", "model.pool_after=[1,2]", "pool.name=lp")
    _, model = build(config, (12, 12, 2))
    x = images_like((3, 12, 12, 2))
    logits, taps = forward(model, x)
    for number, (before, after) in enumerate(taps.values(), start=1):
        conv = getattr(model, f"conv{number}")
        np.testing.assert_allclose(before, np.maximum(convolve(x, conv.kernel) + np.asarray(conv.bias), 0), atol=1e-5)
        np.testing.assert_array_equal(after, compile_quickly(partial(find_pool("lp"), window=2))(before))
        x = after
    features = np.maximum(convolve(x, model.conv3.kernel) + np.asarray(model.conv3.bias), 0).mean((1, 2))
    np.testing.assert_allclose(
        logits, features @ np.asarray(model.head.kernel) + np.asarray(model.head.bias), atol=1e-5
    )


def convolve(x: Any, kernel: nnx.Param) -> np.ndarray:
    options = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    return np.asarray(compile_quickly(partial(lax.conv_general_dilated, **options))(x, kernel[...]))


@pytest.mark.parametrize(("pool", "commutes"), [("max", True), ("avg", False)])
def test_pooling_before_relu_commutes_with_max_only(pool: str, commutes: bool) -> None:
    x = images_like((3, 8, 8, 1))
    arms = [configure(f"pool.name={pool}", *order) for order in ([], ["model.order=pool_norm_relu"])]
    after, before = (forward(build(config, (8, 8, 1))[1], x)[0] for config in arms)
    assert np.allclose(after, before, atol=1e-6) == commutes


def test_the_tutorial_s_network() -> None:
    config = configure("pool.name=max", "pool.window=2", model="tutorial")
    plan, model = build(config, (64, 64, 3))
    logits, taps = jax.eval_shape(partial(model, train=False), jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32))
    assert count(nnx.state(model, nnx.Param)) == plan.parameters == 896
    assert [side.shape for side in taps["pool1"]] == [(1, 62, 62, 32), (1, 31, 31, 32)]
    assert [layer.output for layer in plan.layers] == [(62, 62, 32), (62, 62, 32), (31, 31, 32)]
    assert logits.shape == (1, 31, 31, 32)


@pytest.mark.parametrize(("side", "grid"), [(6, 2), (7, 3), (5, 5)])
def test_the_grid_head_averages_as_even_parts_as_there_are(side: int, grid: int) -> None:
    config = configure("pool.name=none", "model.head=grid", f"model.grid={grid}", "model.blocks=1")
    _, model = build(config, (side, side + 1, 1))
    x = images_like((2, side, side + 1, 1))
    maps = np.maximum(convolve(x, model.conv1.kernel) + np.asarray(model.conv1.bias), 0)
    edges = [
        [(int(np.floor(i * n / grid)), int(np.ceil((i + 1) * n / grid))) for i in range(grid)] for n in maps.shape[1:3]
    ]
    means = np.stack([[maps[:, a:b, c:d].mean((1, 2)) for c, d in edges[1]] for a, b in edges[0]])
    features = means.transpose(2, 0, 1, 3).reshape(2, -1)
    expected = features @ np.asarray(model.head.kernel[...]) + np.asarray(model.head.bias[...])
    np.testing.assert_allclose(forward(model, x)[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("head", "pooled"),
    [
        ("avg", lambda x: x.mean((1, 2))),
        ("max", lambda x: x.max((1, 2))),
        ("gem", lambda x: (np.maximum(x, 1e-6) ** 3).mean((1, 2)) ** (1 / 3)),
        ("lse", lambda x: np.log(np.exp(10 * x).mean((1, 2))) / 10),
        ("avgmax", lambda x: (x.mean((1, 2)) + x.max((1, 2))) / 2),
        ("catavgmax", lambda x: np.concatenate([x.mean((1, 2)), x.max((1, 2))], axis=1)),
        ("pyramid", lambda x: np.asarray(compile_quickly(spatial_pyramid_pool)(x.astype("float32")))),
    ],
)
def test_a_global_head_reads_what_its_formula_says(head: str, pooled: object) -> None:
    plan, model = build(
        configure("pool.name=none", f"model.head={head}", "model.blocks=0", "model.pool_stages=0"), (5, 6, 2)
    )
    x = np.abs(images_like((3, 5, 6, 2)))
    features = pooled(np.asarray(x, np.float64))
    expected = features @ np.asarray(model.head.kernel[...]) + np.asarray(model.head.bias[...])
    np.testing.assert_allclose(forward(model, x)[0], expected, rtol=1e-4, atol=1e-5)
    assert plan.parameters == (features.shape[1] + 1) * plan.classes


def test_a_head_that_learns_is_a_module_of_the_plan_s_size() -> None:
    plan, model = build(configure("model.head=simpool"), (16, 16, 2))
    counted = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
    assert counted == plan.parameters
    x = images_like((3, 16, 16, 2))
    loss = compile_quickly(jax.grad(lambda model: jnp.sum(model(x, train=True)[0] ** 2)))(model)
    assert all(np.asarray(leaf).any() for leaf in jax.tree.leaves(nnx.state(loss, nnx.Param)["simpool_head"]))


def test_dropout_and_batch_statistics_belong_to_training() -> None:
    config = configure("model.dropout=0.5", "model.norm=batch", "model.head=flatten")
    _, model = build(config, (8, 8, 1))
    x = images_like((16, 8, 8, 1)) + np.float32(3)
    quiet = forward(model, x)[0]
    np.testing.assert_array_equal(quiet, forward(model, x)[0])
    assert np.abs(model.norm1.mean).max() == 0  # evaluation leaves the running statistics alone
    one, same, other = (forward(model, x, seed, train=True)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    expected = (1 - 0.9**3) * convolve(x, model.conv1.kernel).mean((0, 1, 2))  # three passes in training, momentum 0.9
    np.testing.assert_allclose(model.norm1.mean[...], expected, rtol=1e-4, atol=1e-5)


def test_stochastic_pooling_draws_in_training_and_takes_the_expectation_in_evaluation() -> None:
    _, model = build(configure("pool.name=stochastic", "model.width=4"), (8, 8, 1))
    x = images_like((2, 8, 8, 1))
    before, after = forward(model, x)[1]["pool1"]
    cells = before.reshape(2, 4, 2, 4, 2, 4).transpose(0, 1, 3, 5, 2, 4).reshape(2, 4, 4, 4, 4)
    expected = (cells**2).sum(-1) / np.maximum(cells.sum(-1), 1e-30)
    np.testing.assert_allclose(after, expected, rtol=1e-5)
    drawn = [forward(model, x, seed, train=True)[1]["pool1"][1] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert (drawn[0][..., None] == cells).any(-1).all()  # each is a cell of its window


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_bfloat16_activations_keep_float32_weights_and_logits(norm: str) -> None:
    x = images_like((4, 8, 8, 1))
    with jax.numpy_dtype_promotion("standard"):  # Flax's normalisations promote bfloat16 to float32 themselves
        config = configure("train.precision=bfloat16", f"model.norm={norm}", "pool.name=avg")
        _, model = build(config, (8, 8, 1))
        logits, taps = forward(model, x)
    assert logits.dtype == jnp.float32 and {part.dtype for part in taps["pool1"]} == {jnp.dtype(jnp.bfloat16)}
    assert {leaf.dtype for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))} == {jnp.dtype(jnp.float32)}
    _, exact = build(configure(f"model.norm={norm}", "pool.name=avg"), (8, 8, 1))
    truth = forward(exact, x)[0]
    assert 0 < np.abs(logits - truth).max() < 0.03 * np.abs(truth).max()


@pytest.mark.parametrize(
    "head", [head if place % 4 == 0 else pytest.param(head, marks=pytest.mark.long) for place, head in enumerate(HEADS)]
)
def test_what_is_not_finite_reaches_the_logits(head: str) -> None:
    """A network that has blown up inside must not look like one that guesses."""
    _, model = build(configure(f"model.head={head}", "model.norm=none"), (16, 16, 2), 3)
    graph, state = nnx.split(model)
    blown = jax.tree.map(lambda part: np.asarray(part) * np.float32(1e30) if part.ndim == 4 else part, state)
    logits = compile_quickly(lambda state, x: nnx.merge(graph, state)(x, train=False)[0])(
        blown, np.ones((4, 16, 16, 2), np.float32)
    )
    assert not np.isfinite(logits).any()
