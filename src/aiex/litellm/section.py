"""A mapping of the file, taken apart key by key: what nobody took is told at the end.

Values may be `os.environ/NAME`, as LiteLLM allows everywhere; those that are no secrets are looked
up in the environment handed in.
"""

from collections.abc import Iterator, Mapping
from datetime import date

from aiex.litellm.report import Report

REFERENCE = "os.environ/"
# A key this long is no key of LiteLLM's, and a report is for people.
_KEY_CHARACTERS_MAX = 60


class Section:
    """One mapping, at `path`. What is taken once is gone; wrong values are told and left out."""

    def __init__(
        self, content: object, path: str, report: Report, environment: Mapping[str, str]
    ) -> None:
        self.path = path
        self.report = report
        self.environment = environment
        self._left: dict[str, object] = {}
        if isinstance(content, dict):
            self._left = {str(key): value for key, value in content.items()}
        elif content is not None:
            report.add(path or "the file", "expected keys with values here")

    def at(self, key: str) -> str:
        """The path of a key of this section."""
        shown = key if len(key) <= _KEY_CHARACTERS_MAX else f"{key[:_KEY_CHARACTERS_MAX]}…"
        return f"{self.path}.{shown}" if self.path else shown

    def lose(self, key: str, reason: str) -> None:
        self.report.add(self.at(key), reason)

    def take(self, key: str) -> object:
        """The raw value, None when there is none."""
        return self._left.pop(key, None)

    def section(self, key: str) -> "Section":
        """The mapping under a key; an empty one when there is none."""
        return Section(self.take(key), self.at(key), self.report, self.environment)

    def sections(self, key: str) -> Iterator["Section"]:
        """Each mapping of a list."""
        for path, value in self.items(key):
            yield Section(value, path, self.report, self.environment)

    def items(self, key: str) -> Iterator[tuple[str, object]]:
        """Each value of a list, with its path."""
        value = self.take(key)
        if isinstance(value, list):
            for position, one in enumerate(value):
                yield f"{self.at(key)}[{position}]", one
        elif value is not None:
            self.lose(key, "expected a list here")

    def has(self, key: str) -> bool:
        """Whether there is a value that was not taken yet; an empty one is none."""
        return self._left.get(key) is not None

    def names(self) -> list[str]:
        """The keys not taken yet."""
        return list(self._left)

    def text(self, key: str) -> str:
        """A text, looked up when it is a reference; empty when there is none."""
        value = self.take(key)
        if value is None:
            return ""
        # Unquoted, `2024-10-21` is a date in YAML.
        text = value.isoformat() if isinstance(value, date) else value
        if not isinstance(text, str) or not is_text(text):
            self.lose(key, "expected a text here")
            return ""
        name = reference(text)
        if not name:
            return text.strip()
        found = self.environment.get(name, "")
        if not found:
            self.lose(
                key, f"it is read from the variable {name}, which is not set here: set it and retry"
            )
        return found

    def number(self, key: str, *, most: float) -> float | None:
        """A number above 0 and at most `most`; None when there is none."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            self.lose(key, f"expected a number above 0 and at most {most:g} here")
            return None
        return int(value) if value == int(value) else float(value)

    def is_zero(self, key: str) -> bool:
        """Whether the value there is the number 0; it is not taken."""
        value = self._left.get(key)
        return isinstance(value, int | float) and not isinstance(value, bool) and value == 0

    def leave(self, reasons: Mapping[str, str], otherwise: str) -> None:
        """Tell everything that nobody took."""
        for key in self._left:
            self.lose(key, reasons.get(key, otherwise))


def reference(value: object) -> str:
    """The variable that a value is read from; empty when it is no reference."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        name = value.removeprefix(REFERENCE).strip()
        return name if name.isidentifier() and name.isascii() else ""
    return ""


def is_text(value: object) -> bool:
    """Whether it is a text that a file can hold."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
