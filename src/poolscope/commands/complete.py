"""`poolscope -sc`: completion in the shell, of commands, of what each takes, and of overrides."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.plugins.completion_plugin import CompletionPlugin

from poolscope.spec.compose import open_hydra
from poolscope.spec.errors import PoolscopeError

_ACTIONS = ("install", "uninstall", "query")


def complete(words: Sequence[str], commands: Mapping[str, str]) -> None:
    """Print the script that a shell evaluates (install=bash), or the completions of COMP_LINE (query=bash).

    commands: the module in poolscope.commands of each command.
    """
    action, _, shell = words[0].partition("=") if len(words) == 1 else ("", "", "")
    with open_hydra([]) as (hydra, _):
        plugins = hydra.get_shell_to_plugin_map(hydra.config_loader)
        if action not in _ACTIONS or shell not in plugins:
            raise PoolscopeError(
                f"-sc takes {'=SHELL, '.join(_ACTIONS)}=SHELL, where SHELL is one of {', '.join(sorted(plugins))}, "
                f"not {' '.join(words) or 'nothing'}."
            )
        plugin = plugins[shell][0]
        if action == "install":
            plugin.install()
        elif action == "uninstall":
            plugin.uninstall()
        else:
            typed = os.environ.get("COMP_LINE", "").split(" ")[1:] or [""]
            found = find_choices(typed, commands)
            if found is None:  # overrides, which Hydra knows, without the command's name
                found = _query(plugin, " ".join(typed[1:]))
            print("\n".join(found) if shell == "fish" else " ".join(found))


def _query(plugin: CompletionPlugin, line: str) -> list[str]:
    """What may stand next in a line of overrides; nothing where what was typed so far can't be composed."""
    try:
        return plugin._query(config_name="train", line=line)
    except Exception:  # half a line can be anything to Hydra, and a message would end up between what is typed
        return []


def find_choices(typed: Sequence[str], commands: Mapping[str, str]) -> list[str] | None:
    """What may stand in the last place of a command line, without the program's name; None where overrides may."""
    if len(typed) == 1:
        choices = list(commands)
    elif _takes_study(typed):
        folders = [*Path("results").glob("*/"), *Path("results/runs").glob("*/")]
        choices = sorted({folder.name for folder in folders} - {"runs"})
    else:
        module = importlib.import_module(f"poolscope.commands.{commands.get(typed[0], 'train')}")
        if not hasattr(module, "complete"):
            return None
        choices = module.complete(list(typed[1:]))
    return [choice for choice in choices if choice.startswith(typed[-1])]


def _takes_study(typed: Sequence[str]) -> bool:
    """Whether the last place is that of a study's name."""
    named = typed[0] in ("report", "reproduce", "status", "export") and not typed[-1].startswith("-")
    return named or list(typed[:2]) == ["list", "runs"]
