"""The variance that test images add, against a simulation with known components."""

from __future__ import annotations

import numpy as np
import pytest

from poolscope.statistics.images import find_image_variance, read_correct, read_scores
from poolscope.store.record import pack_bits, pack_scores


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


def test_scores_are_read_in_steps_of_1_255() -> None:
    scores = [[0.0, 1.0, 0.5, 0.25], [1.0, 1.0, 0.0, 51 / 255]]
    texts = [pack_scores(row) for row in scores]
    assert texts[0].startswith("4:")
    assert np.abs(read_scores(texts) - scores).max() <= 0.5 / 255 + 1e-12
    assert read_scores(texts)[1].tolist() == scores[1]
