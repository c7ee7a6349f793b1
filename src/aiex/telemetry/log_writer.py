"""Log lines, written off the loop: queued as values, encoded and written by one thread.

When the reader of our output is slower than we write, the oldest lines go and are counted: a log
must never hold up a request.
"""

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import msgspec

from aiex.clock import instant

LINES_MAX = 50_000
WRITE_EVERY_S = 0.05
# Encoded in one go, at half the price of each alone. No more, for the loop stands still meanwhile.
ENCODED_MAX = 256
STACK_CHARS_MAX = 8_000

type LineEncoder = Callable[[Sequence[Any]], bytes]

_json = msgspec.json.Encoder()
# What stands at the front of a line for people, and so not again among its facts.
_LEADING = ("ts", "level", "message", "event", "logger", "node")


def json_lines(lines: Sequence[Any]) -> bytes:
    """One JSON object and a newline for each."""
    return _json.encode_lines(lines)


def text_lines(lines: Sequence[Any]) -> bytes:
    """`12:30:01 info  message  fact=value …` for a terminal; empty facts are left out."""
    return b"".join(map(_text_line, lines))


def _text_line(line: Any) -> bytes:
    facts = msgspec.to_builtins(line)
    lead = str(facts.get("message") or facts.get("event", ""))
    rest = " ".join(
        f"{name}={value}" for name, value in facts.items() if value and name not in _LEADING
    )
    clock_time = str(facts.get("ts", ""))[11:19]
    return f"{clock_time} {facts.get('level', ''):<7} {lead}  {rest}".rstrip().encode() + b"\n"


def log_encoder(format_name: str, *, is_terminal: bool) -> LineEncoder:
    """The encoder of setting `log.format`: `auto` is text for a terminal."""
    is_text = format_name == "text" or (format_name == "auto" and is_terminal)
    return text_lines if is_text else json_lines


class LogWriter:
    """Takes lines from any thread; `close` writes what is left."""

    def __init__(self, output: BinaryIO, encode: LineEncoder = json_lines) -> None:
        self._output = output
        self._encode = encode
        self._lines: deque[Any] = deque(maxlen=LINES_MAX)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._overflow_count = 0
        self._lost_count = 0

    @property
    def dropped_count(self) -> int:
        """Lines that were not written: too many at once, refused by the output, not encodable."""
        return self._overflow_count + self._lost_count

    def start(self) -> None:
        self._thread.start()

    def add(self, line: Any) -> None:
        """Queue a struct or mapping to be written as one JSON object."""
        if len(self._lines) == LINES_MAX:
            self._overflow_count += 1
        self._lines.append(line)

    def close(self) -> None:
        """Write what is queued and end; waits two seconds at most."""
        self._closing.set()
        if self._thread.ident is None:
            self._run()
        else:
            self._thread.join(timeout=2)

    def _run(self) -> None:
        while True:
            is_last = self._closing.wait(WRITE_EVERY_S)
            while lines := self._taken():
                self._write(lines)
            if is_last:
                return

    def _taken(self) -> list[Any]:
        """The oldest lines, as many as are encoded at once."""
        taken: list[Any] = []
        while self._lines and len(taken) < ENCODED_MAX:
            taken.append(self._lines.popleft())
        return taken

    def _write(self, lines: list[Any]) -> None:
        try:
            content = self._encode(lines)
        except (TypeError, ValueError):
            if len(lines) == 1:
                self._lost_count += 1  # half a surrogate pair, or no JSON: only this line is lost
                return
            for line in lines:
                self._write([line])
            return
        try:
            self._output.write(content)
            self._output.flush()
        except (OSError, ValueError):
            self._lost_count += len(lines)  # a full disc or a closed pipe; the node goes on


class LogHandler(logging.Handler):
    """Python's own logging, on the same way out."""

    def __init__(self, writer: LogWriter, node: str) -> None:
        super().__init__()
        self._writer = writer
        self._node = node

    def emit(self, record: logging.LogRecord) -> None:
        line = {
            "ts": instant(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _clean(_message(record)),
            "node": self._node,
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            stack = logging.Formatter().formatException(record.exc_info)
            line["error_type"] = type(error).__name__
            line["error_stack"] = _clean(stack[-STACK_CHARS_MAX:])
        self._writer.add(line)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, LookupError):
        # Arguments that do not fit their format, in whose code ever: not worth failing a caller.
        return f"{record.msg} {record.args}"


def log_to(writer: LogWriter, *, level: str, node: str) -> None:
    """Send all of Python's logging through `writer`."""
    logging.getLogger().handlers[:] = [LogHandler(writer, node)]
    log_from(level)


def log_from(level: str) -> None:
    """From now on log what is as severe as `level` or more."""
    root = logging.getLogger()
    own = logging.getLogger("aiex")
    own.setLevel(level.upper())
    root.setLevel(max(logging.WARNING, own.level))  # what libraries tell below that is for them


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def standard_output() -> BinaryIO:
    return sys.stdout.buffer
