"""Operators on raw images: the inputs, and one operator's measures."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from poolscope.measures.information import Rebuilt, reconstruction_r2
from poolscope.measures.operators import (
    ProbeImages,
    apply_pool,
    load_probe_images,
    measurable_pools,
    measure_caution,
    measure_operator,
    read_glyphs,
    stride1_output,
    tied_share,
)
from poolscope.pooling import avg_pool, max_blur_pool, max_pool
from poolscope.spec.config import DataConfig, PoolConfig
from poolscope.spec.geometry import make_window

SYNTHETIC = DataConfig(name="synthetic", source="synthetic", train="train", val="test[:50]", test="test[50:]")


@pytest.fixture(scope="module")
def inputs() -> ProbeImages:
    return load_probe_images(SYNTHETIC, fitted=500)


def test_probe_images_are_divided_and_share_the_ceiling(inputs: ProbeImages) -> None:
    assert len(inputs.parts.fit) == 500
    assert len(inputs.parts.test) == 150
    assert inputs.images.max() <= 1
    shares = [row["r2"] for row in inputs.ceiling_rows]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_identity_keeps_everything(inputs: ProbeImages) -> None:
    row = measure_operator(PoolConfig(name="none"), inputs).row
    assert row["r2_global"] == pytest.approx(1, abs=1e-6)
    assert row["r2_local"] == pytest.approx(1, abs=1e-6)
    assert (row["aliasing"], row["kept"]) == (0, 1)
    assert row["reasons"] == "phase_accuracy: there is only one phase"


def test_measures_equal_the_functions_called_by_hand(inputs: ProbeImages) -> None:
    found = measure_operator(PoolConfig(name="avg"), inputs)
    pooled = np.asarray(avg_pool(jnp.asarray(inputs.images), 2))
    content = reconstruction_r2(inputs.images, pooled, parts=inputs.parts, ceiling=inputs.ceiling)
    assert isinstance(content, Rebuilt)
    assert found.row["r2_global"] == pytest.approx(content.value, abs=1e-6)
    assert found.row["efficiency"] == pytest.approx(content.value / inputs.ceiling.at(64), abs=1e-6)
    assert (found.row["n"], found.row["d"], found.row["kept"]) == (500, 64, 0.25)
    assert {row["curve"] for row in found.spectra} == {"before", "after", "rebuilt"}
    assert {row["moment"] for row in found.gallery} == {"input", "pooled", "rebuilt", "residual"}


@pytest.mark.parametrize(
    ("name", "window", "stride"), [("max", 2, 2), ("avg", 3, 2), ("max_blur", 2, 2), ("soft", 3, 3)]
)
def test_interleaved_phases_are_the_operator_at_stride_one(name: str, window: int, stride: int) -> None:
    """For a reduction over windows: on the interior, where no edge rule matters."""
    images = np.random.default_rng(0).random((3, 12, 12, 2)).astype(np.float32)
    dense = stride1_output(PoolConfig(name=name, window=window, stride=stride), images)
    assert isinstance(dense, np.ndarray)
    direct = apply_pool(PoolConfig(name=name, window=window, stride=1), images)
    assert dense[:, 2:8, 2:8] == pytest.approx(direct[:, 2:8, 2:8], abs=1e-6)
    wrapped = np.concatenate([images] * 3, axis=1)
    again = apply_pool(PoolConfig(name=name, window=window, stride=1), np.concatenate([wrapped] * 3, axis=2))
    assert dense == pytest.approx(again[:, 12:24, 12:24], abs=1e-6)


def test_operators_that_choose_their_phase_have_no_dense_form(inputs: ProbeImages) -> None:
    assert stride1_output(PoolConfig(name="aps"), inputs.images[:2]) == "the phase that it keeps depends on the image"
    row = measure_operator(PoolConfig(name="aps"), inputs).row
    assert np.isnan(row["aliasing"])
    assert "aliasing: the phase" in row["reasons"]


def test_wrapped_application_reads_on_at_the_other_side() -> None:
    images = np.random.default_rng(1).random((2, 8, 8, 1)).astype(np.float32)
    for operator, name in ((max_pool, "max"), (max_blur_pool, "max_blur")):
        tiled = jnp.asarray(np.tile(images, (1, 3, 3, 1)))
        expected = np.asarray(operator(tiled, 3, 2))[:, 4:8, 4:8]
        assert apply_pool(PoolConfig(name=name, window=3, stride=2), images, wrap=True) == pytest.approx(
            expected, abs=1e-6
        )


def test_counting_codes_hides_what_pooling_loses(inputs: ProbeImages) -> None:
    rows = measure_caution(inputs)
    assert [row["window"] for row in rows] == ["1", "2", "4", "8", "16"]
    assert [row["plug_in"] for row in rows[:4]] == pytest.approx([np.log2(500)] * 4)  # to 2 x 2 numbers an image
    assert rows[0]["r2_global"] - rows[3]["r2_global"] > 0.8
    assert rows[0]["location_r2"] - rows[3]["location_r2"] > 0.1


def test_tied_windows_by_hand() -> None:
    image = np.array([[1, 1, 5, 2], [0, 0, 3, 4], [7, 0, 0, 0], [0, 7, 0, 1]], np.float32)[None, :, :, None]
    assert tied_share(image, make_window(2)) == 0.5  # the two left windows
    assert tied_share(np.zeros((1, 4, 4, 1), np.float32), make_window(2)) == 1


def test_glyphs_are_the_embedded_digits_enlarged() -> None:
    glyphs = read_glyphs(14)
    assert glyphs.shape == (1437, 14, 14)
    small = read_glyphs(8)
    assert glyphs.mean() == pytest.approx(small.mean(), rel=0.05)


def test_every_operator_but_layers_is_measurable() -> None:
    assert {"max", "none", "spectral"} < set(measurable_pools())
    assert not {"conv_stride", "strided_conv"} & set(measurable_pools())
