"""Counted codes, and what they hide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from noise_maps import pool_maps

from poolscope.measures.information import (
    pixel_entropy,
    plug_in_information,
    reconstruction_r2,
)
from poolscope.pooling import avg_pool


def test_distinct_codes_hide_all_loss_from_plug_in_information() -> None:
    images = np.random.default_rng(0).random((512, 8, 8, 1)).astype(np.float32)
    pooled = [images.reshape(512, 8 // k, k, 8 // k, k, 1).mean((2, 4)) for k in (1, 2, 4, 8)]
    assert [plug_in_information(codes) for codes in pooled] == [9.0, 9.0, 9.0, 9.0]
    losses = [reconstruction_r2(images, codes).value for codes in pooled]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] - losses[-1] > 0.9


def test_pixel_entropy_ignores_order_and_rises_under_averaging() -> None:
    binary = (np.random.default_rng(0).random((200, 8, 8, 1)) < 0.3).astype(np.float32)
    shuffled = np.random.default_rng(1).permutation(binary.ravel()).reshape(binary.shape)
    assert pixel_entropy(binary) == pytest.approx(pixel_entropy(shuffled))
    assert pixel_entropy(binary) == pytest.approx(-0.3 * math.log2(0.3) - 0.7 * math.log2(0.7), abs=0.02)
    assert pixel_entropy(pool_maps(avg_pool, binary, 2)) > pixel_entropy(binary) + 0.5
