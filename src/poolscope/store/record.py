"""What one run leaves behind: a record, written whole or not at all, that the reading half turns into tables."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from poolscope.spec.errors import PoolscopeError
from poolscope.store.chance import CLASSES, is_at_chance
from poolscope.store.files import write_text

VERSION = 1
STATUSES = ("done", "diverged", "failed")
_MOST_BYTES = 2**28
_TYPES = {  # of a record's fields in JSON
    **dict.fromkeys(("study", "digest", "status", "reason", "test_correct"), str),
    **dict.fromkeys(("config", "scalars", "curves", "image_scores", "feature_maps", "provenance"), dict),
    **{"seed": int, "confusion": list},
}


class RunKey(NamedTuple):
    """What identifies a run within a study: the digest of its configuration, and its seed."""

    digest: str
    seed: int


@dataclass(frozen=True)
class RunRecord:
    """One configuration trained with one seed.

    scalars: final values, one per column of the runs table (accuracies in [0, 1], losses in nats, times in seconds).
    curves: equally long lists, one value per epoch; "epoch" and "step" say where each was taken.
    confusion: counts[true class][predicted class] on the test images, final weights.
    test_correct: one bit per test image (1 = right), from `pack_bits`; the i-th bit is the i-th image of the split.
    image_scores: {column: score of each image that it is the mean of, from `pack_scores`}, the first images of the
        split; records from before there was one, or without any, have no such field.
    feature_maps: {"image": [[...]], "stages": [{"stage": 1, "before": [[[...]]], "after": [[[...]]]}, ...]} of one
        test image, maps as [channel][row][column]. Tables keep those of a configuration's lowest seed.
    provenance: git revision, versions, device, data set version and sizes, time stamps; never read by the statistics.
    """

    study: str
    digest: str
    seed: int
    status: str
    config: dict[str, Any]
    reason: str = ""
    scalars: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=list)
    test_correct: str = ""
    image_scores: dict[str, str] = field(default_factory=dict)
    feature_maps: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    version: int = VERSION

    @property
    def key(self) -> RunKey:
        """Digest and seed."""
        return RunKey(self.digest, self.seed)

    @property
    def at_chance(self) -> bool:
        """Whether the run is done and learned nothing."""
        data = self.config.get("data", {})
        classes = data.get("classes", CLASSES) or self.provenance.get("classes") or len(self.confusion)
        return self.status == "done" and is_at_chance(self.scalars, classes, data.get("train_eval_size"))


def write_record(record: RunRecord, path: str | Path) -> None:
    """Write a record atomically: a reader sees the old file or the whole new one. Non-finite numbers become null.

    A checksum goes with the provenance, for `read_record`, which takes it out again.
    """
    path = Path(path)
    content = _finite(dataclasses.asdict(record))
    if not content["image_scores"]:
        del content["image_scores"]
    content["provenance"]["checksum"] = _checksum(content)
    write_text(_encode(content) + "\n", path)


def read_record(path: str | Path) -> RunRecord:
    """Read a record back; null numbers become NaN.

    Raises PoolscopeError naming the file where it is not a whole record of this version.
    """
    path = Path(path)
    remedy = "delete the file and run the same command again to redo this run"
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise PoolscopeError(f"The record {path} is damaged (no file, or too large for a record); {remedy}.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PoolscopeError(f"The record {path} can't be read ({error.strerror}).") from error
    except PoolscopeError:
        raise
    except (ValueError, RecursionError) as error:
        raise PoolscopeError(f"The record {path} is damaged (not valid JSON); {remedy}.") from error
    names = {entry.name for entry in dataclasses.fields(RunRecord)}
    if not isinstance(content, dict) or set(content) | {"image_scores"} != names:
        raise PoolscopeError(f"The record {path} is damaged (it lacks fields or has unknown ones); {remedy}.")
    if content["version"] != VERSION:
        raise PoolscopeError(f"The record {path} has version {content['version']!r}, not {VERSION}; {remedy}.")
    if not _matches_checksum(content):
        raise PoolscopeError(f"The record {path} is damaged (its checksum doesn't fit); {remedy}.")
    content.setdefault("image_scores", {})
    try:
        fits = all(type(content[name]) is kind for name, kind in _TYPES.items())
        scores = content["image_scores"].values() if fits else ()
        if not fits or content["status"] not in STATUSES or not all(isinstance(text, str) for text in scores):
            raise TypeError
        content["scalars"] = {name: _number(value) for name, value in content["scalars"].items()}
        content["curves"] = {name: [_number(value) for value in values] for name, values in content["curves"].items()}
    except TypeError as error:
        raise PoolscopeError(f"The record {path} is damaged (a field has the wrong type); {remedy}.") from error
    return RunRecord(**content)


def read_placed_record(path: str | Path) -> RunRecord:
    """Read the record of the run that its path <study>/<digest>/seed-<seed>.json names.

    Raises:
        PoolscopeError: naming the file, where it is damaged or holds another run than its path says.
    """
    path = Path(path)
    record = read_record(path)
    if (path.parent.parent.name, path.parent.name, path.name) != (record.study, record.digest, _name(record.seed)):
        raise PoolscopeError(
            f"The record {path} is out of place: it holds {record.digest}/{_name(record.seed)} of study "
            f"{record.study!r}; move it there, or delete it if it is a copy."
        )
    return record


def pack_bits(bits: Sequence[bool]) -> str:
    """Text of a sequence of bits: "<count>:<base64>", most significant bit first."""
    padded = [*bits, *([False] * (-len(bits) % 8))]
    octets = bytes(
        sum(bool(bit) << (7 - i) for i, bit in enumerate(padded[k : k + 8])) for k in range(0, len(padded), 8)
    )
    return f"{len(bits)}:{base64.b64encode(octets).decode('ascii')}"


def unpack_bits(text: str) -> list[bool]:
    """The bits of a text made by `pack_bits`."""
    count, _, encoded = text.partition(":")
    octets = base64.b64decode(encoded)
    return [bool(octets[i // 8] >> (7 - i % 8) & 1) for i in range(int(count))]


def pack_scores(scores: Sequence[float]) -> str:
    """Text of scores from 0 to 1, in steps of 1/255: "<count>:<base64>", a byte each."""
    octets = bytes(round(255 * min(1.0, max(0.0, score))) for score in scores)
    return f"{len(octets)}:{base64.b64encode(octets).decode('ascii')}"


def _name(seed: int) -> str:
    return f"seed-{seed}.json"


def _encode(content: Any) -> str:
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


_PIECE = re.compile("sha256:|[0-9a-f]{24}")  # of a checksum that was cut, or whose key was


def _checksum(content: Any) -> str:
    return "sha256:" + hashlib.sha256(_encode(content).encode()).hexdigest()


def _matches_checksum(content: dict[str, Any]) -> bool:
    """Whether a record is what was written; takes the checksum out. Records from before there was one have none."""
    provenance = content["provenance"]
    if not isinstance(provenance, dict):
        return False
    if (found := provenance.pop("checksum", None)) is None:
        return not _PIECE.search(str([value for key, value in provenance.items() if key != "git_revision"]))
    try:
        return found == _checksum(content)
    except (ValueError, RecursionError):  # NaN, infinity or endless nesting, which are never written
        return False


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, type(None))):
        raise TypeError
    return math.nan if value is None else value
