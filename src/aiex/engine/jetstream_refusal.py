"""What JetStream refuses, by the number it gives, as exceptions that callers can tell apart."""

import re

import msgspec

from aiex.engine.session import NotDone
from aiex.errors import Conflict, EngineRefused, EngineUnavailable

_STREAM_MISSING = 10059
_NO_MESSAGE = 10037
_TOO_FEW_SERVERS = 10005
_ONE_SERVER = 10074
_WRONG_LAST_SEQUENCE = (10071, 10164)
_UNAVAILABLE = 503
_REPEATED = 10201
# A stream whose servers are away; a batch that lost a message on its way, as when the connection
# was made anew, and one too many.
_PASSING = (10118, 10176, 10210)
# The same message is being written at this moment, since it was sent twice.
_IN_PROGRESS = 10158
# "wrong last sequence: 17"
_LAST_NUMBER = re.compile(r"(\d+)$")


class StreamMissing(EngineRefused):
    """The engine has no such stream."""


class TooFewServers(EngineRefused):
    """Fewer servers are there than are to keep the stream."""


class OneServer(EngineRefused):
    """The server is no cluster's, so it keeps everything alone."""


class MessageMissing(EngineRefused):
    """The stream has no such message."""


class WrongSequence(Conflict):
    """Somebody else changed the value since it was read; read it again and decide anew.

    `newest` is the sequence that whoever refused knows, 0 when it did not say. A leader that was
    cut off refuses by what it has itself.
    """

    def __init__(self, newest: int) -> None:
        super().__init__()
        self.newest = newest


class Repeated(EngineRefused):
    """Messages of the batch were written before; nothing of it was written now."""


def raise_refusal(answer: bytes) -> None:
    """Raise what the server refused with; a write's conflict as `WrongSequence`."""
    fault = msgspec.json.decode(answer, type=_Answer).error if answer else None
    if fault is None:
        return
    if fault.err_code in _WRONG_LAST_SEQUENCE:
        newest = _LAST_NUMBER.search(fault.description)
        raise WrongSequence(int(newest[1]) if newest else 0)
    if fault.err_code == _STREAM_MISSING:
        raise StreamMissing
    if fault.err_code == _TOO_FEW_SERVERS:
        raise TooFewServers(f"The engine says: {fault.description}.")
    if fault.err_code == _ONE_SERVER:
        raise OneServer(f"The engine says: {fault.description}.")
    if fault.err_code == _NO_MESSAGE:
        raise MessageMissing
    if fault.err_code == _REPEATED:
        raise Repeated
    text = f"The engine says: {fault.description}."
    if fault.err_code == _IN_PROGRESS:
        raise EngineUnavailable(text)
    is_passing = fault.code == _UNAVAILABLE or fault.err_code in _PASSING
    raise NotDone(text) if is_passing else EngineRefused(text)


class _Fault(msgspec.Struct, frozen=True):
    code: int
    err_code: int = 0
    description: str = ""


class _Answer(msgspec.Struct, frozen=True):
    error: _Fault | None = None
