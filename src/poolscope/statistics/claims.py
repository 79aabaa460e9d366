"""The claims, and the pre-registered contrasts by which the studies decide them.

experiments/claims.yaml lists the claims; experiments/<study>/claims.yaml lists the contrasts that a study registered
before its runs, experiments/<study>/added.yaml, of the same form, those that were added afterwards:

    seeds: 10                                  # how many are planned for each configuration
    unlearned: kept                            # or left_out: how a run that never learned enters a mean
    contrasts:
      - id: 3a
        claim: 3
        hypothesis: max has the higher test accuracy than average on CIFAR-10
        kind: difference                       # KINDS says what each kind is
        where: {data.name: cifar10}            # equality filters on columns of the runs table; null: an empty cell
        arm: {pool.name: max, pool.window: 2}  # selects one configuration within `where`
        baseline: {pool.name: avg}
        measure: test_accuracy                 # a column of the runs table, or one of quantities.DERIVED or PAIRED
        unit: points                           # UNITS says what each unit is
        direction: higher                      # claimed sign of arm - baseline: higher or lower
        delta: 1.0                             # the smallest effect that matters, in the unit
        family: 4                              # as registered; a verdict is over all that decide the claim
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    "slope": "the measure's change (with a baseline, that of arm - baseline) for each doubling of a column is at least "
    "delta in the claimed direction",
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
    "all": "supported where every contrast holds, refuted where one fails",
    "often": "supported where more than half of the contrasts hold, none is reversed and the pooled effect is above 0; "
    "refuted where half of them fail or more",
}
UNLEARNED = ("kept", "left_out")
Filters = Mapping[str, Any]


@dataclass(frozen=True)
class Ladder:
    """The column whose doubling a slope is about, and its values, each of which selects one configuration."""

    column: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Condition:
    """What a premise asks of a contrast's baseline: a measure whose mean is shown to be above a number."""

    measure: str
    unit: str
    above: float


@dataclass(frozen=True)
class Contrast:
    """One comparison; keys as in claims.yaml, `planned` seeds each.

    family: from `list_contrasts`, how many contrasts decide the claim. because: why it decides nothing; empty where it
    does. registered: whether it was fixed before the study's runs. premise: what its baseline must be shown to meet.
    """

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
    unlearned: str = "kept"
    registered: bool = True
    because: str = ""
    premise: tuple[Condition, ...] = ()

    @property
    def sign(self) -> int:
        """+1 where the arm is claimed to be higher, -1 where lower."""
        return 1 if self.direction == "higher" else -1


@dataclass(frozen=True)
class Claim:
    """A statement about pooling, where it was made, and the rule by which its contrasts decide it.

    facts: {id of a contrast that decides nothing: why}. lacks: a part of the statement that no contrast is about, for
    want of which it can't be supported. premise: what the baseline of each contrast must be shown to meet.
    """

    number: int
    statement: str
    source: str
    rule: str
    note: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    lacks: str = ""
    premise: tuple[Condition, ...] = ()


def read_claims(path: str | Path | None = None) -> tuple[Claim, ...]:
    """Read the claims of experiments/claims.yaml, by number. Raises PoolscopeError where the file is wrong."""
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
        facts = entry.get("facts") or {}
        if not isinstance(facts, dict):
            raise PoolscopeError(f"{where}: facts must be of the form {{3a: why it decides nothing}}, not {facts!r}.")
        read = {"facts": {str(name): str(why) for name, why in facts.items()}}
        claims.append(Claim(**{**entry, **read, "premise": _read_premise(entry.get("premise") or [], where)}))
    _check_unique([claim.number for claim in claims], "number", path.name)
    return tuple(sorted(claims, key=lambda claim: claim.number))


def find_contrasts(study: str) -> tuple[Contrast, ...]:
    """List the contrasts of a shipped study; none where it has no claims.yaml and no added.yaml."""
    return tuple(contrast for contrast in list_contrasts() if contrast.study == study)


def list_contrasts(folder: str | Path | None = None) -> tuple[Contrast, ...]:
    """List the contrasts of every study below experiments, by claim and id, each with what its claim says of it."""
    folder = Path(folder) if folder else shipped("experiments")
    paths = [path for name in ("claims.yaml", "added.yaml") for path in sorted(folder.glob(f"*/{name}"))]
    contrasts = [contrast for path in paths for contrast in read_contrasts(path)]
    _check_unique([contrast.id for contrast in contrasts], "id", "experiments/*/claims.yaml and added.yaml")
    claims = (
        {claim.number: claim for claim in read_claims(folder / "claims.yaml")}
        if (folder / "claims.yaml").is_file()
        else {}
    )
    resolved = [_apply_claim(contrast, claims.get(contrast.claim)) for contrast in contrasts]
    deciding = [contrast.claim for contrast in resolved if not contrast.because]
    resolved = [replace(c, family=1 if c.because else deciding.count(c.claim)) for c in resolved]
    return tuple(sorted(resolved, key=lambda contrast: (contrast.claim, contrast.id)))


def read_contrasts(path: str | Path) -> tuple[Contrast, ...]:
    """Read the contrasts of a claims.yaml or added.yaml; the study has the folder's name.

    Raises PoolscopeError with one sentence that names the contrast, the key, the value and what would fit.
    """
    path = Path(path)
    content = _load(path)
    name = f"{path.parent.name}/{path.name}"
    if not isinstance(content, dict) or not isinstance(content.get("contrasts"), list):
        raise PoolscopeError(f"{name} must have a list `contrasts`.")
    if spare := set(content) - {"contrasts", "seeds", "unlearned"}:
        raise PoolscopeError(f"{name}: there is no key {sorted(spare)[0]!r}; it has contrasts, seeds and unlearned.")
    shared = {"planned": content.get("seeds", 10), "unlearned": content.get("unlearned", "kept")}
    _check_whole(shared["planned"], "seeds", name)
    _check_choice(shared["unlearned"], UNLEARNED, "unlearned", name)
    shared |= {"study": path.parent.name, "registered": path.name != "added.yaml"}
    contrasts = [
        _read_contrast(entry, shared, f"contrast {place} of {name}", name)
        for place, entry in enumerate(content["contrasts"], start=1)
    ]
    _check_unique([contrast.id for contrast in contrasts], "id", name)
    return tuple(contrasts)


def _apply_claim(contrast: Contrast, claim: Claim | None) -> Contrast:
    if claim is None:
        return contrast
    return replace(contrast, because=claim.facts.get(contrast.id, ""), premise=claim.premise)


def _read_premise(conditions: Any, where: str) -> tuple[Condition, ...]:
    form = "[{measure: generalisation_gap, unit: points, above: 15}]"
    if not isinstance(conditions, list):
        raise PoolscopeError(f"{where}: premise must be of the form {form}, not {conditions!r}.")
    for condition in conditions:
        _check_keys(condition, Condition, f"premise of {where}")
        _check_choice(condition["unit"], UNITS, "unit", f"premise of {where}")
        if isinstance(condition["above"], bool) or not isinstance(condition["above"], (int, float)):
            raise PoolscopeError(f"premise of {where}: above must be a number, not {condition['above']!r}.")
    return tuple(Condition(**condition) for condition in conditions)


def _read_contrast(entry: Any, shared: Mapping[str, Any], where: str, name: str) -> Contrast:
    _check_keys(entry, Contrast, where, given=(*shared, "because", "premise"))
    where = f"contrast {entry['id']} of {name}"
    values = {**entry, **shared, "id": str(entry["id"])}
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
    wanted = {
        "slope": {"over"} | given & {"baseline"},
        "interaction": {"baseline", "minus"},
        "exact": given & {"baseline", "equals"},
    }
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
