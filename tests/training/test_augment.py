"""Augmentation against a loop over images that uses nothing but slices; normalisation against hand-worked numbers."""

from __future__ import annotations

from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poolscope.data.datasets import measure_channels
from poolscope.training.augment import augment, draw_augmentation, move_images, normalise

compiled_augment = jax.jit(augment, static_argnums=(2, 3))
compiled_draws = jax.jit(draw_augmentation, static_argnums=(1, 2, 3))


def move_by_slices(image: np.ndarray, down: int, right: int, mirror: bool) -> np.ndarray:
    """Mirror, put the image in the middle of a black canvas three times as large, and cut out a window."""
    height, width, channels = image.shape
    canvas = np.zeros((3 * height, 3 * width, channels), image.dtype)
    canvas[height : 2 * height, width : 2 * width] = image[:, ::-1] if mirror else image
    return canvas[height - down : 2 * height - down, width - right : 2 * width - right]


def ways() -> list[object]:
    """Images, largest shift and mirroring, each compiled anew: a few in `make test`, the others marked long."""
    small, usual = np.zeros((1, 3, 3, 1), np.float32), np.zeros((4, 5, 7, 3), np.uint8)
    few = [(small, 3, True), (usual, 0, True), (usual, 1, False), (usual, 3, True)]
    known = {(like.shape, shift, flip) for like, shift, flip in few}
    others = [
        each for each in product((small, usual), (0, 1, 3), (False, True)) if (each[0].shape, *each[1:]) not in known
    ]
    return [*few, *(pytest.param(*each, marks=pytest.mark.long) for each in others)]


@pytest.mark.parametrize(("like", "shift", "flip"), ways())
def test_augment_equals_a_loop_over_images(like: np.ndarray, shift: int, flip: bool) -> None:
    @jax.jit
    def both(key: jax.Array, images: jax.Array) -> Any:
        return draw_augmentation(key, len(images), shift, flip), augment(key, images, shift, flip)

    for seed in range(10):
        images: np.ndarray = np.random.RandomState(seed).randint(1, 256, like.shape).astype(like.dtype)
        draws, moved = both(jax.random.key(seed), images)
        expected = [move_by_slices(*each) for each in zip(images, *map(np.asarray, draws), strict=True)]
        assert moved.dtype == like.dtype
        np.testing.assert_array_equal(moved, np.stack(expected))


def test_a_hand_worked_move() -> None:
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[:, :, None]
    moves = np.array([[1, 0], [0, -1], [0, 0], [-1, 1]])
    moved = jax.jit(move_images)(np.stack([image] * 4), *moves.T, np.array([False, False, True, True]))
    assert np.asarray(moved)[..., 0].tolist() == [
        [[0, 0, 0], [1, 2, 3]],
        [[2, 3, 0], [5, 6, 0]],
        [[3, 2, 1], [6, 5, 4]],
        [[0, 6, 5], [0, 0, 0]],
    ]


def test_draws_fill_their_range_evenly_and_mirroring_does_not_change_the_shifts() -> None:
    key = jax.random.key(3)
    down, right, mirror = map(np.asarray, compiled_draws(key, 6000, 2, True))
    for draw in (down, right):
        counts = np.bincount(np.asarray(draw) + 2, minlength=5)
        assert np.abs(counts - 1200).max() < 5 * np.sqrt(1200)  # five standard deviations
    assert abs(int(mirror.sum()) - 3000) < 5 * np.sqrt(1500)
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.065
    plain_down, plain_right, never = compiled_draws(key, 6000, 2, False)
    np.testing.assert_array_equal(down, plain_down)
    np.testing.assert_array_equal(right, plain_right)
    assert not np.asarray(never).any()


def test_no_augmentation_is_the_identity_and_another_key_moves_otherwise() -> None:
    images = np.random.RandomState(0).randint(0, 256, (4, 6, 5, 3)).astype(np.uint8)
    key = jax.random.key(0)
    np.testing.assert_array_equal(compiled_augment(key, images, 0, False), images)
    one, other = (compiled_augment(jax.random.key(seed), images, 2, True) for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.long
def test_compiled_equals_eager() -> None:
    images, key = np.random.RandomState(0).randint(0, 256, (4, 6, 5, 3)).astype(np.uint8), jax.random.key(0)
    np.testing.assert_array_equal(compiled_augment(key, images, 2, True), augment(key, jnp.asarray(images), 2, True))


def test_normalise_by_hand() -> None:
    images = np.array([[[[0, 255]], [[51, 102]]]], np.uint8)
    result = jax.jit(normalise)(images, np.array([0.0, 0.5], np.float32), np.array([0.1, 0.5], np.float32))
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, [[[[0.0, 1.0]], [[2.0, -0.2]]]], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.uint8])
def test_normalise_gives_mean_0_and_deviation_1(dtype: type) -> None:
    images = np.random.RandomState(1).randint(0, 200, (20, 5, 4, 3)).astype(np.uint8)
    result = np.asarray(jax.jit(normalise)(images.astype(dtype), *measure_channels(images)))
    np.testing.assert_allclose(result.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(result.std((0, 1, 2)), 1, atol=1e-5)
