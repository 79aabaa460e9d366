"""The claims, and the contrasts by which each study has promised, before its runs, to decide them.

experiments/claims.yaml lists the claims; experiments/<study>/claims.yaml lists a study's contrasts:

    seeds: 10                                  # how many are planned for each configuration
    contrasts:
      - id: 3a
        claim: 3
        hypothesis: max has the higher test accuracy than average on CIFAR-10
        kind: difference                       # KINDS says what each kind is
        where: {data.name: cifar10}            # equality filters on columns of the runs table; null: an empty cell
        arm: {pool.name: max, pool.window: 2}  # selects one configuration within `where`
        baseline: {pool.name: avg}
        measure: test_accuracy                 # a column of the runs table
        unit: points                           # UNITS says what each unit is
        direction: higher                      # claimed sign of arm - baseline: higher or lower
        delta: 1.0                             # the smallest effect that matters, in the unit
        family: 4                              # how many contrasts share the error level
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from poolscope.spec.errors import PoolscopeError
from poolscope.spec.paths import shipped
from poolscope.statistics.tables import CONFIG_COLUMNS

KINDS = {
    "difference": "arm - baseline is at least delta in the claimed direction",
    "noninferior": "arm - baseline is not worse than -delta in the claimed direction",
    "equivalent": "arm - baseline is within delta of zero",
    "slope": "the measure's change for each doubling of a column is at least delta in the claimed direction",
    "interaction": "arm - baseline is larger, by at least delta, than under the filters of `minus`",
    "exact": "every seed's measure equals the baseline's, or the number `equals`",
}
UNITS = {
    "points": "percentage points (100 times the measure)",
    "log_error": "-ln of the ratio of error counts plus 1/2 each; higher is better",
    **dict.fromkeys(("nats", "bits", "pixels", "fraction"), "the measure as it is"),
}
DIRECTIONS = ("higher", "lower")
RULES = {
    "all": "supported where every contrast is",
    "often": "supported where more than half of the contrasts are, none is reversed and the pooled effect is above 0",
    "any": "supported where one contrast is",
    "exact": "supported where every equality holds",
}
Filters = Mapping[str, Any]


@dataclass(frozen=True)
class Ladder:
    """The column whose doubling a slope is about, and its values, each of which selects one configuration."""

    column: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Contrast:
    """One comparison that was promised before the runs; keys as in claims.yaml, `planned` seeds each."""

    study: str
    id: str
    claim: int
    hypothesis: str
    measure: str
    unit: str
    direction: str = "higher"
    delta: float = math.nan
    family: int = 1
    kind: str = "difference"
    where: Filters = field(default_factory=dict)
    arm: Filters = field(default_factory=dict)
    baseline: Filters = field(default_factory=dict)
    minus: Filters = field(default_factory=dict)
    over: Ladder | None = None
    equals: float | None = None
    expected: str = ""
    planned: int = 10

    @property
    def sign(self) -> int:
        """+1 where the arm is claimed to be higher, -1 where lower."""
        return 1 if self.direction == "higher" else -1


@dataclass(frozen=True)
class Claim:
    """A statement about pooling, where it was made, and the rule by which its contrasts decide it."""

    number: int
    statement: str
    source: str
    rule: str
    note: str = ""


def read_claims(path: str | Path | None = None) -> tuple[Claim, ...]:
    """The claims of experiments/claims.yaml by number. Raises PoolscopeError where the file can't be understood."""
    path = Path(path) if path else shipped("experiments") / "claims.yaml"
    entries = _load(path)
    if not isinstance(entries, list):
        raise PoolscopeError(f"{path.name} must be a list of claims.")
    claims = []
    for place, entry in enumerate(entries, start=1):
        where = f"claim {place} of {path.name}"
        _check_keys(entry, Claim, where)
        _check_choice(entry["rule"], RULES, "rule", where)
        _check_whole(entry["number"], "number", where)
        claims.append(Claim(**entry))
    _check_unique([claim.number for claim in claims], "number", path.name)
    return tuple(sorted(claims, key=lambda claim: claim.number))


def find_contrasts(study: str) -> tuple[Contrast, ...]:
    """The contrasts that a shipped study promised; none where it has no claims.yaml."""
    path = shipped("experiments") / study / "claims.yaml"
    return read_contrasts(path) if path.is_file() else ()


def list_contrasts(folder: str | Path | None = None) -> tuple[Contrast, ...]:
    """The contrasts of every study below experiments, by claim and id, which no two studies may share."""
    folder = Path(folder) if folder else shipped("experiments")
    contrasts = [contrast for path in sorted(folder.glob("*/claims.yaml")) for contrast in read_contrasts(path)]
    _check_unique([contrast.id for contrast in contrasts], "id", "experiments/*/claims.yaml")
    return tuple(sorted(contrasts, key=lambda contrast: (contrast.claim, contrast.id)))


def read_contrasts(path: str | Path) -> tuple[Contrast, ...]:
    """The contrasts of a claims.yaml; the study has the folder's name.

    Raises PoolscopeError with one sentence that names the contrast, the key, the value and what would fit.
    """
    path = Path(path)
    content = _load(path)
    name = f"{path.parent.name}/{path.name}"
    if not isinstance(content, dict) or not isinstance(content.get("contrasts"), list):
        raise PoolscopeError(f"{name} must have a list `contrasts`.")
    if spare := set(content) - {"contrasts", "seeds"}:
        raise PoolscopeError(f"{name}: there is no key {sorted(spare)[0]!r}; it has contrasts and seeds.")
    planned = content.get("seeds", 10)
    _check_whole(planned, "seeds", name)
    contrasts = [
        _read_contrast(entry, path.parent.name, planned, f"contrast {place} of {name}")
        for place, entry in enumerate(content["contrasts"], start=1)
    ]
    _check_unique([contrast.id for contrast in contrasts], "id", name)
    return tuple(contrasts)


def _read_contrast(entry: Any, study: str, planned: int, where: str) -> Contrast:
    _check_keys(entry, Contrast, where, given=("study", "planned"))
    where = f"contrast {entry['id']} of {study}/claims.yaml"
    values = dict(entry) | {"study": study, "planned": planned, "id": str(entry["id"])}
    kind = values.get("kind", "difference")
    for key, kinds in (("direction", ("equivalent", "exact")), ("delta", ("exact",))):
        if values.get(key) is None and kind not in kinds:
            raise PoolscopeError(f"{where} lacks {key}.")
    for key, choices in (("kind", KINDS), ("unit", UNITS), ("direction", DIRECTIONS)):
        if key in values:
            _check_choice(values[key], choices, key, where)
    for key in ("claim", "family"):
        _check_whole(values.get(key, 1), key, where)
    delta = values.get("delta", 1)
    if isinstance(delta, bool) or not isinstance(delta, (int, float)) or not 0 < delta < math.inf:
        raise PoolscopeError(f"{where}: delta must be a number above 0, not {delta!r}.")
    for key in ("where", "arm", "baseline", "minus"):
        values[key] = _read_filters(values.get(key) or {}, key, where)
    if kind == "slope":
        values["over"] = _read_ladder(values.get("over"), where)
    given = {key for key in ("baseline", "minus", "over", "equals") if values.get(key) not in (None, {})}
    wanted = {"slope": {"over"}, "interaction": {"baseline", "minus"}, "exact": given & {"baseline", "equals"}}
    needed = wanted.get(kind, {"baseline"})
    if kind == "exact" and len(needed) != 1:
        raise PoolscopeError(f"{where}: kind exact needs either baseline or equals.")
    if missing := sorted(needed - given):
        raise PoolscopeError(f"{where}: kind {kind} needs {missing[0]}.")
    if spare := sorted(given - needed):
        raise PoolscopeError(f"{where}: kind {kind} takes no {spare[0]}.")
    return Contrast(**values)


def _read_filters(filters: Any, key: str, where: str) -> dict[str, Any]:
    if not isinstance(filters, dict):
        raise PoolscopeError(f"{where}: {key} must be filters such as {{pool.name: max}}, not {filters!r}.")
    for column in filters:
        _check_column(column, key, where)
    return filters


def _read_ladder(over: Any, where: str) -> Ladder:
    form = "{column: pool.stride, values: [1, 2, 4]}"
    if not isinstance(over, dict) or set(over) != {"column", "values"} or not isinstance(over["values"], list):
        raise PoolscopeError(f"{where}: over must be of the form {form}, not {over!r}.")
    _check_column(over["column"], "over", where)
    values = over["values"]
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) < len(values) or len(set(numbers)) < 2 or min(numbers) <= 0:
        raise PoolscopeError(f"{where}: over.values must be at least two different numbers above 0, not {values!r}.")
    return Ladder(over["column"], tuple(numbers))


def _load(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PoolscopeError(f"Can't read {path} ({error.strerror}).") from error
    except yaml.YAMLError as error:
        line = error.problem_mark.line + 1 if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark else 0
        raise PoolscopeError(f"{path} is no YAML{f' (line {line})' if line else ''}.") from error


def _check_keys(entry: Any, kind: type, where: str, given: tuple[str, ...] = ()) -> None:
    if not isinstance(entry, dict):
        raise PoolscopeError(f"{where} must have keys and values, not be {entry!r}.")
    fields = [entry_field for entry_field in dataclasses.fields(kind) if entry_field.name not in given]
    names = [entry_field.name for entry_field in fields]
    if spare := [key for key in entry if key not in names]:
        raise PoolscopeError(f"{where}: there is no key {spare[0]!r}; there are {', '.join(names)}.")
    for entry_field in fields:
        optional = not (entry_field.default is entry_field.default_factory is dataclasses.MISSING)
        if not optional and entry.get(entry_field.name) is None:
            raise PoolscopeError(f"{where} lacks {entry_field.name}.")


def _check_column(column: Any, key: str, where: str) -> None:
    if column not in CONFIG_COLUMNS:
        raise PoolscopeError(f"{where}: {key} has no column {column!r}; it takes keys such as pool.name, pool.window.")


def _check_choice(value: Any, choices: Any, key: str, where: str) -> None:
    if value not in choices:
        raise PoolscopeError(f"{where}: {key} must be one of {', '.join(choices)}, not {value!r}.")


def _check_whole(value: Any, key: str, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PoolscopeError(f"{where}: {key} must be a whole number above 0, not {value!r}.")


def _check_unique(values: list[Any], key: str, where: str) -> None:
    if repeated := sorted({value for value in values if values.count(value) > 1}):
        raise PoolscopeError(f"{where}: {key} {repeated[0]!r} is there twice; each {key} must be different.")
