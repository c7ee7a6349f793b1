"""The rows that conversations and responses are kept in, and what may be done with them by these.

A thread is a conversation, or the responses that follow on one another without one. Its rows begin
with its id, so one scan reads it and one batch changes it:

    (thread, "head")      a conversation: metadata, sizes, who makes its next turn
    (thread, "00000001")  a turn: its response, what was given, what was said
    (thread, "9f31c2aa")  the same, of a response without a conversation: numbered by chance

What was deleted leaves a row that says so and nothing else, for as long as a copy of the table may
come back from somewhere.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.item_form import Item
from aiex.store import Table

HEAD: Final = "head"
DAY_S: Final = 24 * 3600
# OpenAI keeps responses for 30 days too; conversations until they are deleted.
RESPONSE_TTL_S: Final = 30 * DAY_S
# Longer than anybody should keep a copy of the table that may be imported again.
DELETED_TTL_S: Final = 90 * DAY_S
# A batch takes a thousand rows: a conversation is deleted by one, or not at all.
TURNS_MAX: Final = 990
ITEMS_MAX: Final = 10_000
# The engine's messages hold 8 MB; what is given leaves room for the answer.
GIVEN_BYTES_MAX: Final = 4_000_000
ROW_BYTES_MAX: Final = 7_500_000
ANSWER_CHARS_MAX: Final = 1_500_000
# All of a thread is in memory while it is asked about.
THREAD_BYTES_MAX: Final = 16_000_000


class Claim(msgspec.Struct, frozen=True):
    """Who makes a turn now: the life of a node, and until when others wait for it."""

    thread: str
    part: str
    node: str
    until_s: float


class Head(msgspec.Struct, frozen=True, kw_only=True, tag="conversation"):
    """A conversation. `turn_count` is the number of the last turn claimed, kept or not."""

    metadata: dict[str, str] = {}
    turn_count: int = 0
    item_count: int = 0
    byte_count: int = 0
    claim: Claim | None = None


class KeptTurn(msgspec.Struct, frozen=True, kw_only=True, tag="turn"):
    """One question and its answer. `claim` is there until it is whole.

    `response` is the response as a JSON text, its output left out; empty when there is none to
    retrieve. `before` is the part of the response that this one follows on.
    """

    response: str = ""
    given: list[Item] = []
    said: list[Item] = []
    before: str = ""
    in_conversation: bool = False
    claim: Claim | None = None
    byte_count: int = 0

    @property
    def items(self) -> list[Item]:
        return [*self.given, *self.said]


class Deleted(msgspec.Struct, frozen=True, tag="deleted"):
    """There was something, and it must not come back."""


class ThreadRow(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` is the id of the API key that may read it, empty where none is needed."""

    thread: str
    part: str
    owner: str = ""
    at_s: int = 0
    kept: Head | KeptTurn | Deleted


THREADS: Final = Table(
    "threads", row=ThreadRow, key=("thread", "part"), view="none", sensitive=("kept",)
)


def part_of_turn(number: int) -> str:
    """The part of a conversation's row that holds this turn."""
    return f"{number:08x}"


def bytes_of(kept: Head | KeptTurn | Deleted) -> int:
    """About how large the row is, as the engine has it."""
    return len(msgspec.json.encode(kept))


def check_room(head: Head, more_items: int, more_bytes: int) -> None:
    """Raises `Refusal` (400) when a conversation cannot take so much more."""
    limits = (
        (head.turn_count + 1, TURNS_MAX, "turns"),
        (head.item_count + more_items, ITEMS_MAX, "items"),
        (head.byte_count + more_bytes, THREAD_BYTES_MAX, "bytes"),
    )
    for count, most, what in limits:
        if count > most:
            raise Refusal(
                400,
                "conversation_too_long",
                f"A conversation holds {most:,} {what}, and this one is full; begin another.",
                param="conversation",
            )


def check_given(kept: KeptTurn) -> KeptTurn:
    """The turn with its size; raises `Refusal` (400) when what is given is too large to keep."""
    size = bytes_of(kept)
    if size > GIVEN_BYTES_MAX:
        raise Refusal(
            400,
            "input_too_large",
            f"What is given takes {size:,} bytes, and {GIVEN_BYTES_MAX:,} can be kept; send less, "
            "or ask with store=false and without a conversation.",
            param="input",
        )
    return msgspec.structs.replace(kept, byte_count=size)


def lineage(turns: Iterable[tuple[str, KeptTurn]], last: str) -> Iterator[KeptTurn]:
    """The turns that led to the response in part `last`, oldest first; that one is the last.

    Raises `Refusal` (404) where one of them is gone.
    """
    by_part = dict(turns)
    line: list[KeptTurn] = []
    part = last
    while part:
        turn = by_part.pop(part, None)
        if turn is None or turn.claim is not None:
            raise Refusal(
                404,
                "previous_response_not_found",
                "A response before 'previous_response_id' was deleted, or its time is over; what "
                "led to this one is not whole. Send the items yourself.",
                param="previous_response_id",
            )
        line.append(turn)
        part = turn.before
    yield from reversed(line)
