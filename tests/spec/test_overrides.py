"""Overrides as they are typed: texts get the quotes that they need, and what can't be read is explained."""

from __future__ import annotations

import pytest

from poolscope.spec.overrides import describe_mistake, quote_text, split_values


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("data.train=train[:80%]", "data.train='train[:80%]'"),
        ("data.train=train[:80%]+test[:10]", "data.train='train[:80%]+test[:10]'"),
        ("data.train=train[:80%],train[:50%]", "data.train='train[:80%]','train[:50%]'"),
        ("data.val='train[80%:]',test", "data.val='train[80%:]',test"),
        ("++data.test=test[:9]", "++data.test='test[:9]'"),
        ("results=a b(c)", "results='a b(c)'"),
        ("results=r[/x]", "results='r[/x]'"),
        ("results=it's(", r"results='it\'s('"),
        ("study=mine", "study=mine"),
        ("data.train=train", "data.train=train"),
        ("data.train='train[:80%]'", "data.train='train[:80%]'"),
        ('data.train="train[:80%]"', 'data.train="train[:80%]"'),
        ("data.train=choice('train[:80%]',test)", "data.train=choice('train[:80%]',test)"),
        ("seeds=[0,1", "seeds=[0,1"),
        ("optim.name=sgd(", "optim.name=sgd("),
        ("pool.window=[2,3]", "pool.window=[2,3]"),
        ("nosuch=a[", "nosuch=a["),
        ("word", "word"),
    ],
)
def test_a_text_is_quoted_where_it_has_to_be(typed: str, given: str) -> None:
    assert quote_text(typed) == given


def test_commas_inside_of_brackets_and_quotes_separate_nothing() -> None:
    assert split_values("a,[b,c],'d,e',f(g,h),") == ["a", "[b,c]", "'d,e'", "f(g,h)", ""]


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("mnist", "'mnist' is no override: write key=value"),
        ("=3", "no key before the '='"),
        ("a b=3", "no key before the '='"),
        ("seeds=[0,1", "']' is missing"),
        ("seeds=0,1]", "']' closes nothing"),
        ("seeds=[0,1)", "')' closes nothing"),
        ("pool=max,,avg", "nothing before or after a comma"),
        ("pool=max,", "nothing before or after a comma"),
        ("study='mine", "the quote ' is not closed"),
        ("pool.p=2²", "the character '²' needs quotes"),
        ("pool.p=#", "the character '#' needs quotes"),
        ("pool.window=(2,3)", "'(' means something else there"),
        ("study=a=b", "'=' means something else there; write study='\"...\"' to give it as text"),
        ("pool." + "a" * 500 + "=[", "..."),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_the_command_line(word: str, problem: str) -> None:
    sentence = describe_mistake(word)
    assert problem in sentence
    assert len(sentence) < 250
