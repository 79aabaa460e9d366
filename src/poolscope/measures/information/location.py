"""I4: where something is. Glyphs pasted at known places, and probes of the place from what pooling left."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from poolscope.measures.information.estimate import (
    Estimate,
    Parts,
    divide_rows,
    find_fault,
    find_few,
    flatten_rows,
    varies,
)
from poolscope.measures.information.labels import label_information
from poolscope.measures.information.ridge import ALPHAS, fit_ridge
from poolscope.spec.errors import PoolscopeError


@dataclass(frozen=True, kw_only=True)
class Location(Estimate):
    """Root mean squared error of a linear probe of the place, in pixels for one axis.

    r2: 1 - MSE / ((P^2 - 1) / 12), 1 exact and 0 blind. chance: RMSE of always saying the middle. alpha: ridge penalty.
    """

    r2: float = math.nan
    chance: float = math.nan
    alpha: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Phase(Estimate):
    """Share of glyphs whose place modulo the jump is read right on both axes. chance: 1 / jump^2."""

    chance: float = math.nan


@dataclass(frozen=True)
class Stimuli:
    """Glyphs on a black canvas: images uint8 (n, M, M, 1), places (n, 2) as row and column, and whose glyph it is.

    places are uniform on 0..M-1, and a glyph that passes an edge comes in on the other side.
    """

    images: np.ndarray
    places: np.ndarray
    glyphs: np.ndarray


def paste_glyphs(glyphs: np.ndarray, side: int, count: int, seed: int = 0) -> Stimuli:
    """`count` canvases of side x side with one of the glyphs (g, h, w), uint8, at a uniform place each, wrapped."""
    if max(glyphs.shape[1:]) > side:
        raise PoolscopeError(f"side must be at least the {max(glyphs.shape[1:])} pixels of a glyph, not {side}.")
    rng = np.random.default_rng([seed, side, count])
    which, places = rng.integers(len(glyphs), size=count), rng.integers(side, size=(count, 2))
    images = np.zeros((count, side, side, 1), np.uint8)
    rows = (places[:, :1] + np.arange(glyphs.shape[1])) % side
    columns = (places[:, 1:] + np.arange(glyphs.shape[2])) % side
    images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :], 0] = glyphs[which]
    return Stimuli(images, places, which)


def location_error(
    maps: np.ndarray,
    places: np.ndarray,
    side: int,
    *,
    parts: Parts | None = None,
    probe: str = "marginal",
    alphas: tuple[float, ...] = ALPHAS,
) -> Location:
    """RMSE in pixels of ridge probes of row and column from maps (n, h, w, C); places (n, 2), uniform on 0..side-1.

    probe "marginal": the row from sums over columns and the other way round. Where places are uniform and edges wrap,
    nothing is lost by that: moving all glyphs along the other axis changes neither the target nor the distribution of
    maps, so the best weights are the same in every column (averaging weights never raises a convex loss). "full": all
    values. Divide rows by glyph (`divide_groups`), so that the probe is tried on shapes it hasn't seen. NaN with a
    reason where the maps are constant or fewer than their features, or all places are the same.
    """
    variance = (side**2 - 1) / 12
    chance = math.sqrt(variance)
    finite = np.isfinite(maps).all()
    sides = [maps.sum(2), maps.sum(1)] if probe == "marginal" and finite else [maps, maps]
    axes = [flatten_rows(features) for features in sides]
    n, d = len(maps), max(features.shape[1] for features in axes)
    fault = "" if parts else find_few(n)
    if not fault:
        parts = parts or divide_rows(n)
        n = len(parts.fit)
        still = not all(varies(places[parts.fit, axis : axis + 1]) for axis in (0, 1))
        fault = "there is only one place" if still else find_fault(maps, maps[parts.fit], n, d)
    if fault or parts is None:
        return Location(value=math.nan, unit="pixels", n=n, d=d, reason=fault, chance=chance)
    fits = [
        fit_ridge(features, places[:, axis : axis + 1].astype(np.float64), parts, alphas)
        for axis, features in enumerate(axes)
    ]
    mse = float(np.mean([fit.error / len(parts.test) for fit in fits]))
    return Location(
        value=math.sqrt(mse),
        unit="pixels",
        n=n,
        d=d,
        r2=1 - mse / variance,
        chance=chance,
        alpha=max(fit.ridge.alpha for fit in fits),
    )


def location_phase(
    maps: np.ndarray, places: np.ndarray, jump: int, *, map_jump: int = 1, parts: Parts | None = None
) -> Phase:
    """Share of glyphs whose (row mod jump, column mod jump) a logistic probe finds: what a stride destroys.

    maps (n, h, w, C) of which neighbours lie map_jump pixels apart. They are summed over places of equal phase first,
    by which nothing is lost where edges wrap (as in `location_error`): features jump/map_jump squared times C.
    """
    period, chance = jump // map_jump, 1 / jump**2
    few = "" if parts else find_few(len(maps))
    if few:
        return Phase(value=math.nan, unit="share", n=len(maps), d=maps.shape[3] * period**2, reason=few, chance=chance)
    height, width = maps.shape[1] // period * period, maps.shape[2] // period * period
    cut = maps[:, :height, :width]
    folded = cut.reshape(len(maps), height // period, period, width // period, period, -1).sum((1, 3))
    labels = (places[:, 0] % jump) * jump + places[:, 1] % jump
    read = label_information(folded, labels, parts=parts)
    reason = "there is only one phase" if len(np.unique(labels)) == 1 else read.reason
    return Phase(
        value=math.nan if reason else read.accuracy,
        unit="share",
        n=read.n,
        d=read.d,
        reason=reason,
        chance=chance,
    )
