"""An operation of the admin API: a method of a chapter that says above it how it is reached."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

_ATTRIBUTE = "aiex_operation"


class Operation(msgspec.Struct, frozen=True):
    """One thing an operator can ask for. `needs_token` is about callers off loopback too."""

    name: str
    method: str
    path: str
    summary: str
    answer: type | None = None  # None: what `media_type` says
    takes: type | None = None
    status: int = 200
    needs_token: bool = True
    media_type: str = "text/plain"  # of an answer that is no JSON


def operation[E: Callable[[Any, Any], Awaitable[Response]]](
    method: str,
    path: str,
    summary: str,
    answer: type | None = None,
    *,
    takes: type | None = None,
    status: int = 200,
    needs_token: bool = True,
    media_type: str = "text/plain",
) -> Callable[[E], E]:
    """Make a chapter's method an operation of its name."""

    def described(endpoint: E) -> E:
        name = endpoint.__name__
        made = Operation(
            name, method, path, summary, answer, takes, status, needs_token, media_type
        )
        setattr(endpoint, _ATTRIBUTE, made)
        return endpoint

    return described


def operations_of(chapter: type) -> tuple[Operation, ...]:
    """A chapter's operations, in the order of its methods."""
    found = (getattr(member, _ATTRIBUTE, None) for member in vars(chapter).values())
    return tuple(one for one in found if one is not None)
