"""Overrides (key=value) as a person types them at a shell, and what is wrong with those that can't be read.

Hydra has a grammar of its own for values, in which brackets, commas, quotes and parentheses mean something. A shell
has removed one layer of quotes before. Texts that the grammar can't read, such as a split train[:80%], are quoted here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hydra.core.override_parser.overrides_parser import OverridesParser

from poolscope.spec.config import SETTINGS

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_SPECIAL = re.compile(r"[^\w\s/\-\\+.$%*@?|:,()\[\]{}'\"=~]|[^\x00-\x7f]")


def quote_text(word: str) -> str:
    """Add the quotes that a text needs: data.train=train[:80%] becomes data.train='train[:80%]'.

    A key that is a text may have several, with commas between: each is quoted. So are references within references, as
    in optim.learning_rate=${rates.${pool.name}}, for every key. What can be read stays as it is.
    """
    key, equals, value = word.partition("=")
    known = SETTINGS.get(key.lstrip("+"))
    is_text = known is not None and known.kind is str and not known.names
    if not equals or known is None or not (is_text or "${" in value) or _can_be_read(word):
        return word
    quoted = f"{key}={','.join(map(_quote, split_values(value)))}"
    return quoted if _can_be_read(quoted) else word


def split_values(text: str) -> list[str]:
    """Split a text at the commas that stand outside of brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _PAIRS:
            depth += 1
        elif character in _PAIRS.values():
            depth -= 1
        elif character == "," and depth <= 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def is_sweep(word: str) -> bool:
    """Tell whether an override gives several values, such as pool=max,avg or train.epochs=range(1,4)."""
    try:
        return bool(OverridesParser.create().parse_override(word).is_sweep_override())
    except Exception:  # what can't be read is refused where it is composed
        return False


def describe_mistake(word: str) -> str:
    """Describe what is wrong with an override that can't be read, in one sentence without the full stop."""
    shown = word if len(word) <= 80 else f"{word[:77]}..."
    key, equals, value = word.partition("=")
    if not equals:
        return f"{shown!r} is no override: write key=value"
    if not re.fullmatch(r"[+~]*[\w@/.:$-]+", key, re.ASCII):
        return f"{shown!r} has no key before the '=': write key=value, with a key such as train.epochs"
    problem = next(_find_problems(value), "it needs quotes")
    known = SETTINGS.get(key.lstrip("+"))
    remedy = f"; write {key}='\"...\"' to give it as text" if known and known.kind is str else ""
    return f"{shown!r} has a value that can't be read: {problem}{remedy}"


def _find_problems(value: str) -> Iterator[str]:
    """What the grammar of values trips over, the most telling first."""
    if unclosed := _find_unclosed(value):
        yield unclosed
    if any(not part.strip() for part in split_values(value)) and value.strip():
        yield "there is nothing before or after a comma"
    if found := _SPECIAL.search(value):
        yield f"the character {found[0]!r} needs quotes"
    if found := re.search(r"[\[\](){}'\"=]", value):
        yield f"{found[0]!r} means something else there"


def _find_unclosed(value: str) -> str:
    """A quote or bracket without its partner."""
    expected: list[str] = []
    quote = ""
    for character in re.sub(r"\\.", "", value, flags=re.DOTALL):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _PAIRS:
            expected.append(_PAIRS[character])
        elif character in _PAIRS.values() and (not expected or expected.pop() != character):
            return f"{character!r} closes nothing"
    if quote:
        return f"the quote {quote} is not closed"
    return f"{expected[-1]!r} is missing" if expected else ""


def _quote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text
    return "'" + text.replace("'", "\\'") + "'"


def _can_be_read(word: str) -> bool:
    try:
        OverridesParser.create().parse_override(word)
    except Exception:  # Hydra's own, and what Python makes of numbers of thousands of digits
        return False
    return True
