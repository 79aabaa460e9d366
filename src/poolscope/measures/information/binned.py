"""Counting distinct codes: the mutual information that says nothing here, kept to show why it is not used.

For a deterministic network, I(X; T) of a finite set of images is the entropy of the distinct codes, which stays at
log2 n as long as no two images share one, whatever pooling removed (Goldfeld et al. 2019; Saxe et al. 2018).
"""

from __future__ import annotations

import numpy as np

from poolscope.measures.information.estimate import flatten_rows


def plug_in_information(codes: np.ndarray, levels: int | None = None) -> float:
    """Plug-in I(X; T) in bits of n equally likely images and their codes (n, ...), optionally binned to `levels`."""
    rows = flatten_rows(codes)
    if levels is not None:
        low, high = rows.min(), rows.max()
        rows = np.floor((rows - low) / max(high - low, np.finfo(np.float32).tiny) * levels).clip(0, levels - 1)
    _, counts = np.unique(np.ascontiguousarray(rows), axis=0, return_counts=True)
    p = counts / len(rows)
    return abs(float((p * np.log2(p)).sum()))


def pixel_entropy(maps: np.ndarray, levels: int = 256) -> float:
    """Entropy in bits of the histogram of all values in [0, 1]; blind to where the values are."""
    counts = np.histogram(maps, levels, (0, 1))[0]
    p = counts[counts > 0] / counts.sum()
    return abs(float((p * np.log2(p)).sum()))
