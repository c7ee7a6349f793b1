"""Reads the lines nats-server writes: their level, their text, and why it ended."""

import logging
import re
from collections.abc import Sequence

# [11675] 2026/11/23 18:03:08.680417 [INF] Starting nats-server
_LINE = re.compile(r"^\[\d+\] \S+ \S+ \[(?P<level>[A-Z]{3})\] ?(?P<text>.*)$")
# What the server tells of itself at every start is news to nobody but a debugger.
_LEVELS = {
    "FTL": logging.ERROR,
    "ERR": logging.ERROR,
    "WRN": logging.WARNING,
    "INF": logging.DEBUG,
    "DBG": logging.DEBUG,
    "TRC": logging.DEBUG,
}
# A carrier that is not there, or a cluster that is just being formed: the engine's own events say
# so, in words and once.
_EXPECTED = (
    "Error trying to connect to route",
    "Waiting for routing to be established",
    "JetStream has not established contact with a meta leader",
    "Metalayer blocking snapshot",
    "cluster name from remote server conflicts",
    "Catchup for stream",
    "Error flushing",
    "Stale Connection",
    "no replacement available for stream",
    "could not replace peer for stream",
)
# True, and on purpose: the password is random and the node's own, in a file of mode 0600, and
# the server listens on loopback. A warning at every start would teach people to overlook warnings.
_ON_PURPOSE = frozenset({"Plaintext passwords detected, use nkeys or bcrypt"})
# 10.0.0.1:60574 - rid:20 - Router connection closed: Client Closed - Remote: n3
_ROUTE_LOST = re.compile(r"- Router connection closed: (?!Duplicate).* - Remote: (?P<server>\S+)$")
_DISK_FULL = ("no space left on device", "disk quota exceeded")
# First match wins. Each phrase says what happened and what to do.
_CAUSES = (
    (_DISK_FULL, "the disk that holds {store} is full; free some space"),
    (("address already in use",), "its port was taken by another program in the meantime"),
    (("permission denied", "read-only file system"), "it may not write to {store}"),
    (("too many open files",), "it ran out of file descriptors; raise the limit (ulimit -n)"),
    (("cannot allocate memory", "out of memory"), "the machine is out of memory"),
    (("input/output error",), "the disk that holds {store} fails"),
)


def parse_line(line: str) -> tuple[int, str]:
    """The logging level and the text of a line; what has no form of its own is a warning."""
    found = _LINE.match(line)
    if found is None:
        return logging.WARNING, line
    if found["text"] in _ON_PURPOSE or any(mark in found["text"] for mark in _EXPECTED):
        return logging.DEBUG, found["text"]
    return _LEVELS.get(found["level"], logging.WARNING), found["text"]


def is_disk_full(text: str) -> bool:
    """Whether the server says here that it could not write for want of space."""
    return any(mark in text.lower() for mark in _DISK_FULL)


def lost_server(text: str) -> str:
    """The server whose connection to ours ended by what the line says; empty when it says no such.

    One of two that began at the same time is closed as a duplicate, which is nobody's loss.
    """
    found = _ROUTE_LOST.search(text)
    return "" if found is None else found["server"]


def cause_of_end(exit_status: int, lines: Sequence[str], store: str) -> str:
    """Why the server ended, as a phrase: a known cause, else its last severe line."""
    texts = [text for level, text in map(parse_line, lines) if level >= logging.WARNING]
    for text in reversed(texts):
        for marks, phrase in _CAUSES:
            if any(mark in text.lower() for mark in marks):
                return f"{phrase.format(store=store)} ({text})"
    how = f"killed by signal {-exit_status}" if exit_status < 0 else f"exit status {exit_status}"
    return f"{how}: {texts[-1]}" if texts else how
