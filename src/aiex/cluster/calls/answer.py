"""What comes of a call: an answer, or a failure as data."""

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    DOWN = "down"  # it is gone, or nothing reaches it from here
    NO_SUCH_REQUEST = "no such request"  # an older node, or a newer one that dropped it
    TOO_OLD = "too old"  # one of the two does not speak as the other does
    DEADLINE = "deadline"
    REFUSED = "refused"  # it, or this node, would not: too large, too many, not understood
    ERROR = "error"  # what answers there failed


class Answer[A](msgspec.Struct, frozen=True):
    """`traceparent` is the answering node's place in the trace."""

    node: str
    value: A
    round_trip_s: float = 0.0
    traceparent: str = ""


class Failure(msgspec.Struct, frozen=True):
    """No answer of `node`, and why; `text` says it in words.

    Whether the request was carried out is known only of `NO_SUCH_REQUEST` and `TOO_OLD`: it was
    not.
    """

    node: str
    reason: Reason
    text: str


class Answers[A](msgspec.Struct, frozen=True):
    """What came of asking several nodes, in the order in which it came."""

    answers: tuple[Answer[A], ...]
    failures: tuple[Failure, ...]
