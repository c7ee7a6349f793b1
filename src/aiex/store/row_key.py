"""A row's key as words of a subject, and back; every text can be part of one.

    ("a.b", -5, "", "plain_1-x")  is  a=2Eb.-5.=.plain_1-x

Letters, digits, `-` and `_` stand for themselves, so keys are readable with the engine's own tools.
Of every other character the bytes are told as `=2E`. A number has its sign in front, with which no
text begins, and `=` is the empty text. One key has one form.
"""

import re

from aiex.store.table import Key, KeyPart

# A line of NATS's protocol holds 4,096 bytes, and this is not all of one.
KEY_LEN_MAX = 2_048

_PLAIN = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9_]*")
_ITSELF = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_TOLD = re.compile(rb"=([0-9A-F]{2})")


def key_text(key: Key) -> str:
    """The key as words joined by dots; raises `ValueError` for one that is too long."""
    text = ".".join(map(_word, key))
    if len(text) > KEY_LEN_MAX:
        raise ValueError(f"A key takes {KEY_LEN_MAX} characters at most, and this one {len(text)}.")
    return text


def key_of(text: str) -> Key:
    """The key of that form; raises `ValueError` for what is none."""
    return tuple(map(_part, text.split(".")))


def _word(part: KeyPart) -> str:
    if isinstance(part, int):
        return f"{part:+d}"
    if _PLAIN.fullmatch(part):
        return part
    return _told(part)


def _told(text: str) -> str:
    first, *others = text.encode() or b"\0"
    if not text:
        return "="
    is_plain = first in _ITSELF and first != ord("-")
    words = [chr(first) if is_plain else f"={first:02X}"]
    return "".join(words + [chr(byte) if byte in _ITSELF else f"={byte:02X}" for byte in others])


def _part(word: str) -> KeyPart:
    if word[:1] in ("+", "-"):
        part: KeyPart = int(word)
    elif word == "=":
        part = ""
    else:
        part = _TOLD.sub(lambda found: bytes([int(found[1], 16)]), word.encode()).decode()
    if _word(part) != word:
        raise ValueError(f"{word!r} is no part of a key")
    return part
