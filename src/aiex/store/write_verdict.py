"""Was a write kept whose answer was lost, and which is refused when it is sent again?

Facts in, a verdict out. The facts are the messages as they were sent, and the newest one of each
subject by now; a write is all of its messages, or none. The reasons, in the order of their weight:

- one of the newest has the id of ours: it was kept, and with it all the others
- the newest was there before ours was sent, or is what ours expected, or has replaced just that:
  ours was never kept, since what is kept is there, or was replaced itself. Nor will it be: the
  expectation that was refused never holds again, since sequences only grow
- else a newer one may have replaced ours, and nobody can tell
"""

from collections.abc import Sequence
from enum import Enum

from aiex.engine import NewMessage, StreamMessage


class Fate(Enum):
    REFUSED = "refused"
    UNKNOWN = "unknown"


def verdict(
    sent: Sequence[NewMessage], newest: Sequence[StreamMessage | None], *, before: int = 0
) -> int | Fate:
    """The sequence of the last message when they were kept, else what else is known of them.

    `before` is a sequence that some message had before ours were sent.
    """
    for number, (message, last) in enumerate(zip(sent, newest, strict=True)):
        if last is not None and last.id == message.id:
            return last.sequence + len(sent) - 1 - number
    is_refused = any(
        _was_never_kept(message, last, before) for message, last in zip(sent, newest, strict=True)
    )
    return Fate.REFUSED if is_refused else Fate.UNKNOWN


def _was_never_kept(message: NewMessage, last: StreamMessage | None, before: int) -> bool:
    if last is None:
        # Whatever replaced or deleted ours would be there: deletions are told for a day.
        return True
    if last.sequence <= before:
        return True
    if message.expects is None:
        return False
    return last.sequence == message.expects or last.expected == message.expects
