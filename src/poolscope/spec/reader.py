"""Declarations read from the source text of a Python file, without running it.

A declaration is a call of a decorator, such as @operator(...), whose arguments are literals or classes of a given
vocabulary with such arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from poolscope.spec.errors import PoolscopeError


@dataclass(frozen=True)
class Declared:
    """One declaration: its arguments, the function that it stands at ("" for none), and file and line.

    defaults: the function's keywords with their defaults, `...` where one is no literal or there is none. about: the
    first line of the function's docstring.
    """

    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    function: str
    defaults: Mapping[str, Any]
    about: str
    place: str


def read_declarations(path: Path, word: str, vocabulary: Mapping[str, type] | None = None) -> Iterator[Declared]:
    """The declarations `word(...)` at the top level of a file, as decorators or as statements of their own.

    Raises PoolscopeError naming file and line where the file is no Python, and where an argument is no literal.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text if f"{word}(" in text else "")
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise PoolscopeError(f"{path} can't be read as Python ({error}).") from error
    for node in tree.body:
        function = node if isinstance(node, ast.FunctionDef) else None
        for call in function.decorator_list if function else [getattr(node, "value", None)]:
            if not isinstance(call, ast.Call) or _name(call.func) != word:
                continue
            place = f"{path}, line {call.lineno}"
            try:
                arguments = tuple(_value(argument, vocabulary or {}) for argument in call.args)
                keywords = {entry.arg or "": _value(entry.value, vocabulary or {}) for entry in call.keywords}
            except (ValueError, TypeError) as error:
                raise PoolscopeError(f"{place}: @{word} takes literals only ({error}).") from error
            about = (ast.get_docstring(function) or "").partition("\n")[0] if function else ""
            defaults = _defaults(function) if function else {}
            yield Declared(arguments, keywords, function.name if function else "", defaults, about, place)


def _value(node: ast.expr, vocabulary: Mapping[str, type]) -> Any:
    if isinstance(node, ast.Call):
        word = vocabulary.get(_name(node.func))
        if word is None:
            raise ValueError(f"{ast.unparse(node.func)} is none of {', '.join(vocabulary) or 'them'}")
        keywords = {entry.arg or "": _value(entry.value, vocabulary) for entry in node.keywords}
        return word(*(_value(argument, vocabulary) for argument in node.args), **keywords)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {_value(key, vocabulary): _value(item, vocabulary) for key, item in pairs if key is not None}
    return ast.literal_eval(node)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _defaults(function: ast.FunctionDef) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        try:
            defaults[argument.arg] = ... if default is None else ast.literal_eval(default)
        except ValueError:
            defaults[argument.arg] = ...
    return defaults
