"""What the guides about Kubernetes tell people to type: their blocks, and where they stand."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
GUIDES = ROOT / "docs" / "guides"
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:aiex|kubectl|helm) [^`\n]+)`")
_OMITTED = "…"


@dataclass(frozen=True)
class Block:
    guide: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.guide}:{self.line}"

    @property
    def is_manifest(self) -> bool:
        return self.language == "yaml" and "apiVersion:" in self.text

    @property
    def is_values(self) -> bool:
        return self.language == "yaml" and not self.is_manifest


def guides() -> list[Path]:
    """Those about Kubernetes, and those that speak of it."""
    also = ("backup-and-restore.md", "threat-model.md")
    return [*sorted(GUIDES.glob("kubernetes*.md")), *(GUIDES / name for name in also)]


def blocks() -> list[Block]:
    return [block for guide in guides() for block in blocks_of(guide.name, guide.read_text())]


def blocks_of(name: str, text: str) -> Iterator[Block]:
    """The fenced blocks of a page; one inside of a list is moved to the left."""
    for match in _FENCE.finditer(text):
        lines = match.group(2).splitlines()
        indent = min((len(one) - len(one.lstrip()) for one in lines if one.strip()), default=0)
        body = "\n".join(one[indent:] for one in lines)
        yield Block(name, text.count("\n", 0, match.start()) + 1, match.group(1), body)


def commands_of(page: str) -> list[list[str]]:
    """Commands of aiex, kubectl and helm that a page shows, each as words."""
    shown = [block.text for block in blocks_of("", page) if block.language == "sh"]
    lines = [line for text in shown for line in text.splitlines()]
    found: list[list[str]] = []
    for line in [*lines, *_INLINE.findall(page)]:
        for part in _parts(line):
            found += _nested(shlex.split(part, comments=True))
    return [words for words in found if words and words[0] in ("aiex", "kubectl", "helm")]


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


def is_told_in_full(words: list[str]) -> bool:
    return not any(_OMITTED in word for word in words)
