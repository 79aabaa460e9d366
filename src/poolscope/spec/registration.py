"""What a study registered before its runs, as hashes that its runs record: contrasts, plan, and the rule's code."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from poolscope.spec.paths import shipped

_RULE = (
    *("claim_rule", "claims", "contrast_rule", "images", "inference", "learning", "ledger", "quantities"),
    *("random_effects", "verdicts"),
)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_STATISTICS = Path(__file__).resolve().parents[1] / "statistics"


@functools.lru_cache(maxsize=32)
def hash_registration(study: str) -> dict[str, str]:
    """Hash what a study has registered: {contrasts, plan, rule}, 12 hex digits each; {} without a claims.yaml.

    contrasts: the parsed experiments/<study>/claims.yaml and, of experiments/claims.yaml, the claims that it is about.
    plan: the parsed configs/experiment/<study>.yaml and the configs/arm/*.yaml that it sweeps. rule: the syntax trees,
    without docstrings, of the modules of `statistics` that decide. Layout and comments change no hash.
    """
    path = shipped("experiments") / study / "claims.yaml"
    if not path.is_file():
        return {}
    contrasts = _load(path)
    about = {entry.get("claim") for entry in contrasts.get("contrasts", [])}
    overall = path.parents[1] / "claims.yaml"
    claims = [claim for claim in (_load(overall) if overall.is_file() else []) if claim.get("number") in about]
    rule = [_list_syntax(ast.parse((_STATISTICS / f"{name}.py").read_text(encoding="utf-8"))) for name in _RULE]
    return {"contrasts": _hash([contrasts, claims]), "plan": _hash(_read_plan(study)), "rule": _hash(rule)}


def _read_plan(study: str) -> Any:
    path = shipped("configs") / "experiment" / f"{study}.yaml"
    if not path.is_file():
        return None
    plan = _load(path)
    swept = plan.get("hydra", {}).get("sweeper", {}).get("params", {}).get("arm", "")
    arms = {name: _load(path.parents[1] / "arm" / f"{name}.yaml") for name in str(swept).split(",") if name}
    return [plan, arms]


def _list_syntax(node: Any) -> Any:
    """A syntax tree as nested lists, without docstrings and places; the same in every version of Python."""
    if isinstance(node, list):
        return [_list_syntax(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
    if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = node.body[1:]
    return [type(node).__name__, [[name, _list_syntax(value)] for name, value in sorted(fields.items())]]


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]
