"""What a statement asks, whatever it asks about: its text with every literal replaced. Pure.

    SELECT * FROM notes WHERE book = 'diary' AND page IN (1, 2)
    select * from notes where book = ? and page in (?)

Whoever asks often asks the same shapes, so these can be counted. A shape has nothing of the rows.
"""

import re

SHAPE_CHARS_MAX = 500

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<literal>[xX]?'(?:[^']|'')*(?:'|\Z)
        |(?<![\w$])(?:0[xX][0-9a-fA-F]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
        |\?\d*|[:@$]\w+)
    |(?P<name>"(?:[^"]|"")*(?:"|\Z)|`[^`]*`?|\[[^\]]*\]?)
    |(?P<word>\w+)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_SEVERAL = re.compile(r"\?(?: ?, ?\?)+")
_SEVERAL_ROWS = re.compile(r"\(\?\)(?: ?, ?\(\?\))+")


def statement_shape(statement: str) -> str:
    """The statement's shape, one line, bounded."""
    parts: list[str] = []
    for token in _TOKEN.finditer(statement):
        match token.lastgroup:
            case "space":
                parts.append(" ")
            case "literal":
                parts.append("?")
            case "word":
                parts.append(token.group().lower())
            case _:
                parts.append(token.group())
    shape = " ".join("".join(parts).split()).rstrip("; ")
    return _SEVERAL_ROWS.sub("(?)", _SEVERAL.sub("?", shape))[:SHAPE_CHARS_MAX]
