"""Resume training from a checkpoint: the whole state of a fit in one file beside the record, written atomically.

The file is Flax's MessagePack behind a SHA-256 of it, so that reading it executes nothing, and damage is noticed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import serialization

from poolscope.store.files import open_whole

_SECONDS = 300.0  # between checkpoints where no number of epochs is asked for
_LAST_SECONDS = 10.0  # since the start or the last checkpoint, for which the one at the end is worth its writing
_HASH = 32


class Checkpoint:
    """The checkpoint of one run.

    identity: names what it belongs to (configuration, seed, versions, devices); another one's file is not taken.
    every: epochs between checkpoints; 0 for none; None for one when five minutes have passed since the last. Unless it
    is 0 there is also one when training ends, where the last one, or the start, lies ten seconds back.
    notify: called with one sentence when a fit resumes from the file, and when the file can't be used or written.
    """

    def __init__(self, path: Path, identity: str, every: int | None, notify: Callable[[str], None]) -> None:
        self.path, self.identity, self.every, self.notify = path, identity, every, notify
        self.earlier_seconds = 0.0
        self._began = self._last = time.monotonic()
        self._last_epoch = 0.0

    @property
    def wanted(self) -> bool:
        """Whether any checkpoint is to be kept."""
        return self.every != 0

    def due(self, epoch: float) -> bool:
        """Whether to save after this many epochs."""
        if self.every is None:
            return time.monotonic() - self._last >= _SECONDS
        return self.every > 0 and epoch - self._last_epoch >= self.every

    def due_at_end(self) -> bool:
        """Whether to save after the last step, so that whoever stops or dies in the measures need not train again."""
        return self.wanted and time.monotonic() - self._last >= _LAST_SECONDS

    def save(self, arrays: Any, numbers: dict[str, Any]) -> None:
        """Keep a tree of arrays, and numbers, lists and dictionaries of them; replaces what was kept before."""
        self._last, self._last_epoch = time.monotonic(), numbers["epoch"]
        content = {
            "identity": self.identity,
            "leaves": {str(i): np.asarray(leaf) for i, leaf in enumerate(jax.device_get(jax.tree.leaves(arrays)))},
            "numbers": json.dumps({**numbers, "seconds": self.earlier_seconds + self._last - self._began}),
        }
        payload = serialization.msgpack_serialize(content)
        try:
            with open_whole(self.path) as file:
                file.write(hashlib.sha256(payload).digest() + payload)
        except OSError as error:
            self.notify(f"The checkpoint {self.path} can't be written ({error.strerror}); training goes on without.")

    def load(self, like: Any) -> tuple[Any, dict[str, Any]] | None:
        """The arrays, as a tree like `like`, and the numbers; None where nothing that fits is kept."""
        if not self.path.is_file():
            return None
        try:
            data = self.path.read_bytes()
            if hashlib.sha256(data[_HASH:]).digest() != data[:_HASH]:
                raise ValueError("changed")
            content = serialization.msgpack_restore(data[_HASH:])
            numbers = json.loads(content["numbers"])
            leaves, tree = jax.tree.flatten(like)
            kept = [content["leaves"][str(i)] for i in range(len(content["leaves"]))]
            forms = [[(leaf.shape, leaf.dtype) for leaf in side] for side in (kept, leaves)]
            if content["identity"] != self.identity or forms[0] != forms[1]:
                raise ValueError("another run's")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.notify(f"The checkpoint {self.path} is damaged or another configuration's; training starts over.")
            return None
        self.earlier_seconds, self._last_epoch = numbers["seconds"], numbers["epoch"]
        self.notify(f"Training goes on from epoch {numbers['epoch']:.4g}, where {self.path} was kept.")
        return jax.tree.unflatten(tree, kept), numbers
