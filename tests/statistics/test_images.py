"""The variance that test images add, against a simulation with known components."""

from __future__ import annotations

import numpy as np
import pytest

from poolscope.statistics.images import find_image_variance, read_correct
from poolscope.store.record import pack_bits


def test_the_images_share_is_found_and_nothing_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    n, images = 10, 4000
    seeds, residual = rng.normal(0, 0.5, (n, 1)), rng.normal(0, 1.0, (n, images))
    with_images = 0.2 + seeds + rng.normal(0, 0.7, (1, images)) + residual
    assert find_image_variance(with_images) == pytest.approx(0.7**2 / images, rel=0.1)
    assert find_image_variance(0.2 + seeds + residual) < 0.1**2 / images
    assert find_image_variance(with_images[:1]) == find_image_variance(with_images[:, :1]) == 0.0


def test_correctness_is_read_as_it_was_packed() -> None:
    bits = [[True, False, True, True, False, False, False, True, True], [False] * 9]
    assert read_correct([pack_bits(row) for row in bits]).tolist() == bits
