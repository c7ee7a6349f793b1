"""What a line that begins with `/` asks of `aiex chat`; pure."""

import re
from difflib import get_close_matches
from typing import NamedTuple

# Name -> (argument, what it does). An argument in brackets may be left out.
SLASH_COMMANDS = {
    "help": ("", "this list"),
    "model": ("[NAME]", "talk to another model; without a name: which one it is"),
    "models": ("", "the models there are"),
    "system": ("[TEXT]", "set the system text; without a text: remove it"),
    "clear": ("", "forget what was said"),
    "save": ("FILE", "write the conversation to a file"),
    "load": ("FILE", "go on with a saved conversation"),
    "retry": ("", "ask the last question again"),
    "usage": ("", "tokens used so far"),
    "exit": ("", "leave (also Ctrl-D)"),
}


class SlashCommand(NamedTuple):
    name: str
    argument: str


def slash_command(line: str) -> SlashCommand | str | None:
    """The command in `line`; a sentence when it is none that exists; None for a prompt."""
    found = re.match(r"/(\S*)(.*)", line, re.DOTALL)
    if found is None:
        return None
    name, argument = found[1].lower(), found[2].strip()
    if name == "quit":
        name = "exit"
    if name not in SLASH_COMMANDS:
        near = get_close_matches(name, SLASH_COMMANDS, n=1)
        hint = f"Did you mean /{near[0]}?" if near else "/help lists what there is."
        return f"There is no /{name}. {hint} To send it as a prompt, begin with a space."
    wanted = SLASH_COMMANDS[name][0]
    if wanted and not wanted.startswith("[") and not argument:
        return f"/{name} needs {wanted}: /{name} {wanted}"
    if argument and not wanted:
        return f"/{name} takes nothing after it."
    return SlashCommand(name, argument)


def slash_help() -> list[str]:
    """All commands, one a line, then the keys."""
    commands = [
        f"  {f'/{name} {argument}':<16} {text}" for name, (argument, text) in SLASH_COMMANDS.items()
    ]
    return [
        *commands,
        "  Alt-Enter, or \\ at the end of a line, starts a new line. Ctrl-C stops an answer.",
    ]
