"""How an engine is, asked over a session: does it live, can it keep state, does it have the state?

A server of a cluster that lost its quorum passes on messages as ever, and keeps nothing. JetStream
is silent then for seconds, until it says so (503). So the server itself is asked too, by a request
that nobody takes: a server that lives answers that at once.
"""

import asyncio
from typing import Literal

import msgspec

from aiex.engine.founding import ON_ITS_WAY, Founding, question
from aiex.engine.session import NobodyAnswers, Session
from aiex.errors import EngineRefused, EngineUnavailable

NO_QUORUM = (
    "too few of the cluster's servers are there, or they are still choosing a leader; its state is "
    "back some seconds after more than half of them are"
)
NO_JETSTREAM = "it has JetStream disabled"
# Nobody subscribes to it, by its name.
_NOBODY = "_INBOX.aiex.nobody"
_UNAVAILABLE = 503
_NOT_FOUNDED = (10059, 10037)  # there is no such stream, or no message in it


class Condition(msgspec.Struct, frozen=True):
    """`founding` is what the cluster says of it; None where it says nothing, or was not asked."""

    state: Literal["up", "forming", "no quorum"]
    reason: str = ""
    founding: Founding | None = None


class _Fault(msgspec.Struct, frozen=True):
    code: int = 0
    err_code: int = 0


class _Stored(msgspec.Struct, frozen=True):
    data: str = ""


class _Answer(msgspec.Struct, frozen=True):
    error: _Fault | None = None
    message: _Stored = _Stored()


async def ask_condition(
    session: Session, timeout_s: float, *, needs_founding: bool, jetstream_timeout_s: float
) -> Condition:
    """The engine's condition. In a cluster its JetStream may be given less time than its server.

    Raises `EngineUnavailable` when it is silent, `EngineRefused` when it has no JetStream.
    """
    if not session.is_clustered:
        return _alone(await _ask(session, "$JS.API.INFO", timeout_s=timeout_s))
    async with asyncio.TaskGroup() as tasks:
        lives = tasks.create_task(_ask(session, _NOBODY, timeout_s=timeout_s))
        asked = tasks.create_task(_ask(session, "$JS.API.INFO", timeout_s=jetstream_timeout_s))
        founded = tasks.create_task(_ask(session, *question(), timeout_s=jetstream_timeout_s))
    if not isinstance(lives.result(), NobodyAnswers):
        raise _error(lives.result())
    return _clustered(asked.result(), founded.result(), needs_founding=needs_founding)


def _alone(answer: _Answer | EngineUnavailable) -> Condition:
    if isinstance(answer, NobodyAnswers):
        raise EngineRefused(NO_JETSTREAM)
    if isinstance(answer, EngineUnavailable):
        raise answer
    if answer.error is not None:
        raise EngineRefused(NO_JETSTREAM)
    return Condition("up")


def _clustered(
    answer: _Answer | EngineUnavailable,
    founded: _Answer | EngineUnavailable,
    *,
    needs_founding: bool,
) -> Condition:
    # Without responders JetStream is still starting: it waits for the others.
    if isinstance(answer, EngineUnavailable):
        return Condition("no quorum", NO_QUORUM)
    if answer.error is not None:
        if answer.error.code != _UNAVAILABLE:
            raise EngineRefused(NO_JETSTREAM)
        return Condition("no quorum", NO_QUORUM)
    if not needs_founding:
        return Condition("up")
    if isinstance(founded, EngineUnavailable):
        return Condition("no quorum", NO_QUORUM)
    if founded.error is not None:
        if founded.error.err_code in _NOT_FOUNDED:
            return Condition("forming", ON_ITS_WAY)
        return Condition("no quorum", NO_QUORUM)
    founding = Founding.of_stored(founded.message.data)
    if founding.withheld:
        return Condition("forming", founding.withheld, founding)
    return Condition("up", founding=founding)


async def _ask(
    session: Session, subject: str, body: bytes = b"", *, timeout_s: float
) -> _Answer | EngineUnavailable:
    """What was answered, or why nothing was."""
    try:
        answer = await session.request(subject, body, timeout_s=timeout_s)
    except EngineUnavailable as error:
        return error
    try:
        return msgspec.json.decode(answer.data, type=_Answer)
    except msgspec.DecodeError:
        return EngineUnavailable("The engine does not answer: what it says is not JetStream's.")


def _error(answer: _Answer | EngineUnavailable) -> EngineUnavailable:
    if isinstance(answer, EngineUnavailable):
        return answer
    return EngineUnavailable("The engine does not answer: somebody else answers for it.")
