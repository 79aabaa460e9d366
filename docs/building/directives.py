"""What pages write beside Markdown: `run` for commands with their output, `number` and `effect` for measured numbers.

```{run}                    the commands run while the site is built; another status than 0 fails the build
:status: 2                  unless it is the one that is meant to be shown
poolscope apply pool=max
```

```{number} 3a              a box: effect, interval, hypothesis, n, data, level, verdict, link to the report
```

{effect}`3a`                effect and interval within a sentence
{verdict}`3`                what the ledger says of a claim
{counts}`3`                 in how many of its contrasts it holds and fails
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from building.commands import CommandError, run_commands, split_commands
from building.evidence import describe_contrast, find_claim, say_effect
from poolscope.reports.verdicts import say_counts


class Run(SphinxDirective):
    """Commands of a shell, run in a folder of the page's own, and what they print."""

    has_content = True
    option_spec: ClassVar[Any] = {"status": directives.nonnegative_int}

    def run(self) -> list[nodes.Node]:
        folder = Path(self.env.app.doctreedir).parent / "run" / self.env.docname
        try:
            session = run_commands(split_commands("\n".join(self.content)), folder, self.options.get("status", 0))
        except CommandError as error:
            raise self.error(str(error)) from error
        block = nodes.literal_block(session, session, language="console", classes=["session"])
        self.set_source_info(block)
        return [block]


class NumberBox(SphinxDirective):
    """The effect of one contrast of the ledger, with all that has to stand beside it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        try:
            number = describe_contrast(self.arguments[0])
        except KeyError as error:
            raise self.error(error.args[0]) from error
        up = "../" * self.env.docname.count("/")
        text = "".join(
            f"<p{attributes}>{html.escape(part)}</p>"
            for attributes, part in (
                (' class="value"', number.value),
                ("", f"{number.what[:1].upper()}{number.what[1:]}."),
                (' class="conditions"', number.conditions),
            )
        )
        link = f'<p class="conditions"><a href="{up}results/{number.page}">The report behind it</a></p>'
        return [nodes.raw("", f'<div class="number">{text}{link}</div>', format="html")]


class Effect(SphinxRole):
    """A contrast's effect with its interval."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        return [nodes.Text(say_effect(self.text))], []


class Verdict(SphinxRole):
    """The verdict on a claim, by its number."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        return [nodes.strong("", str(find_claim(int(self.text))["verdict"]))], []


class Counts(SphinxRole):
    """In how many of its contrasts a claim holds and fails, by its number."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        return [nodes.Text(say_counts(find_claim(int(self.text))))], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register them."""
    app.add_directive("run", Run)
    app.add_directive("number", NumberBox)
    app.add_role("effect", Effect())
    app.add_role("verdict", Verdict())
    app.add_role("counts", Counts())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
