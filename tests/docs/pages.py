"""What pages tell people to type, and where their links lead."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click

from aiex.cli.main import root

ROOT = Path(__file__).parents[2]
PROGRAMS = ("aiex", "kubectl", "helm")
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^    (?:\$ )?(aiex [^\n]+)$", re.MULTILINE)
_INLINE = re.compile(r"`((?:aiex|kubectl|helm) [^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)")
# In a sketch of a command: what is left out, what may be, and one of several.
_SKETCHED = re.compile(r"…|^\[|\w\|")
# Where the words of another command begin.
_ENDS = ("|", "||", "&&", ">", ";")


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_manifest(self) -> bool:
        return self.language == "yaml" and "apiVersion:" in self.text

    @property
    def is_values(self) -> bool:
        return self.language == "yaml" and not self.is_manifest


def pages() -> list[Path]:
    """Every page that people wrote, and those made of the source."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(name: str, text: str) -> Iterator[Block]:
    """The fenced blocks of a page; one inside of a list is moved to the left."""
    for match in _FENCE.finditer(text):
        lines = match.group(2).splitlines()
        indent = min((len(one) - len(one.lstrip()) for one in lines if one.strip()), default=0)
        body = "\n".join(one[indent:] for one in lines)
        yield Block(name, text.count("\n", 0, match.start()) + 1, match.group(1), body)


def commands_of(page: str) -> list[list[str]]:
    """Commands of aiex, kubectl and helm that a page shows, each as words."""
    page = page.replace("\\\n", " ")
    shown = [block.text for block in blocks_of("", page) if block.language == "sh"]
    lines = [line for text in shown for line in text.splitlines()]
    found: list[list[str]] = []
    for line in [*lines, *_INDENTED.findall(page), *_INLINE.findall(page)]:
        for part in _parts(line):
            found += _nested(shlex.split(part, comments=True))
    return [words for words in found if words and words[0] in PROGRAMS]


def is_told_in_full(words: list[str]) -> bool:
    return not any(_SKETCHED.search(word) for word in words)


def unknown_to_aiex(words: list[str]) -> str:
    """The first word that is no command or option of aiex; empty when all are."""
    command: click.Command = root
    is_value = False
    for word in words[1:]:
        if word in _ENDS:
            break
        if is_value:
            is_value = False
        elif word.startswith("-"):
            option = _options(command).get(word.partition("=")[0])
            if option is None:
                return word
            is_value = not option.is_flag and "=" not in word
        elif isinstance(command, click.Group):
            found = command.get_command(_context(command), word)
            if found is None:
                return word
            command = found
    return ""


def links_of(page: Path) -> list[tuple[str, str]]:
    """Files and places in them that a page leads to; those on the web are left out."""
    return _LINK.findall(_FENCE.sub("", page.read_text()))


@cache
def anchors(page: str) -> set[str]:
    """The places of a page that a link can lead to, as GitHub names them."""
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _context(command: click.Command) -> click.Context:
    """As below `aiex`: a command keeps its help option by the names that it is first asked for."""
    return click.Context(command, parent=click.Context(root, **root.context_settings))


def _options(command: click.Command) -> dict[str, click.Option]:
    params = command.get_params(_context(command))
    return {
        name: one
        for one in params
        if isinstance(one, click.Option)
        for name in (*one.opts, *one.secondary_opts)
    }


def _parts(line: str) -> Iterator[str]:
    """A line's own command, and the one whose answer it uses."""
    yield from re.findall(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)", line)
    yield re.sub(r"\$\(.*\)", "ANSWER", line).removesuffix("&").strip()


def _nested(words: list[str]) -> Iterator[list[str]]:
    """`kubectl exec … -- aiex …` is two commands."""
    if words[:1] == ["kubectl"] and "--" in words:
        at = words.index("--")
        yield words[:at]
        yield words[at + 1 :]
        return
    yield words
