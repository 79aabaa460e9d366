"""The reference without pooling, which puts no layer into a network."""

from __future__ import annotations

from poolscope.pooling.declare import operator

operator(
    "none",
    order=13,
    family="reference",
    summary="no pooling: maps keep their size",
    formula="x",
    source="control without pooling",
    kind="none",
)
