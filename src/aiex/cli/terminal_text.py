"""Text from others, made fit for a terminal: it may not move the cursor, colour, ring or rename.

Sequences by ECMA-48: CSI (`ESC [ … final`), control strings such as OSC (`ESC ] … BEL`), other
escapes (`ESC` and one character, after intermediates), and single control characters.
"""

from enum import Enum

ESCAPE = "\x1b"
# A control string without an end would swallow the rest of an answer.
SEQUENCE_CHARS_MAX = 4096

_STRING_OPENERS = frozenset("]PX^_")
_STRING_C1 = frozenset("\x90\x98\x9d\x9e\x9f")
# CAN, SUB and ST: whatever was begun is over.
_ENDS = frozenset("\x18\x1a\x9c")


class _State(Enum):
    PLAIN = "plain"
    ESCAPED = "escaped"
    INTERMEDIATE = "escaped, with characters before the last one"
    CSI = "csi"
    STRING = "string"


class TerminalText:
    """Takes text in pieces, cut anywhere, and gives what may be shown."""

    def __init__(self) -> None:
        self._state = _State.PLAIN
        self._sequence_len = 0

    def feed(self, text: str) -> str:
        """The harmless part of the next piece."""
        if self._state is _State.PLAIN and text.isprintable():
            return text
        return "".join(character for character in text if self._is_shown(character))

    def _is_shown(self, character: str) -> bool:
        self._sequence_len += 1
        if character == "\n" or self._sequence_len > SEQUENCE_CHARS_MAX:
            self._state = _State.PLAIN
        if (begun := _begun(character)) is not None:
            self._state = begun
        elif self._state is not _State.PLAIN:
            self._state = _after(self._state, character)
            return False
        self._sequence_len = 0
        return self._state is _State.PLAIN and _is_harmless(character)


def harmless(text: str) -> str:
    """A whole text without what a terminal would obey; newlines and tabs become spaces."""
    return TerminalText().feed(text).replace("\n", " ").replace("\t", " ")


def _is_harmless(character: str) -> bool:
    return character in "\n\t" or not ("\x00" <= character < " " or "\x7f" <= character <= "\x9f")


def _begun(character: str) -> _State | None:
    """What the character begins wherever it comes; a terminal forgets what it was in then."""
    if character == ESCAPE:
        return _State.ESCAPED
    if character == "\x9b":
        return _State.CSI
    if character in _STRING_C1:
        return _State.STRING
    return _State.PLAIN if character in _ENDS else None


def _after(state: _State, character: str) -> _State:
    """Where one more character of a sequence leads."""
    match state:
        case _State.ESCAPED if character == "[":
            return _State.CSI
        case _State.ESCAPED if character in _STRING_OPENERS:
            return _State.STRING
        case _State.ESCAPED | _State.INTERMEDIATE:
            return _State.INTERMEDIATE if " " <= character <= "/" else _State.PLAIN
        case _State.CSI:
            return _State.PLAIN if "@" <= character <= "~" else _State.CSI
        case _:
            return _State.PLAIN if character == "\x07" else _State.STRING
