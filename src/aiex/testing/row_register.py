"""What one row may answer: the rows' contract as a state machine, one operation after the other.

Pure. A row is at the sequence of its last change, and each change has a larger one. Of a change
whose answer was lost nobody knows the sequence until somebody reads the row; then it is that one
for good.
"""

from typing import NamedTuple

from aiex.store import ABSENT
from aiex.testing.history import NOT_TOLD, NOTHING, Action, Operation, Outcome


class RowState(NamedTuple):
    """`sequence` is that of the last change; or, while nobody knows it, one that is smaller."""

    number: int = NOTHING
    sequence: int = 0
    is_known: bool = True


def after(state: RowState, operation: Operation) -> RowState | None:
    """The row's state when the operation happens now; None when it cannot have that outcome.

    An operation whose outcome is uncertain happens, unless its expectation keeps it from it.
    """
    if operation.action is Action.READ:
        return _after_read(state, operation)
    is_met = _is_met(state, operation.expects)
    if operation.outcome is Outcome.CONFLICT:
        return None if is_met else state
    if not is_met:
        return None
    number = operation.number if operation.action is Action.PUT else NOTHING
    if operation.sequence == NOT_TOLD:
        return RowState(number, state.sequence, is_known=False)
    if operation.sequence <= state.sequence:
        return None
    return RowState(number, operation.sequence)


def _after_read(state: RowState, read: Operation) -> RowState | None:
    if read.number != state.number:
        return None
    if read.number == NOTHING or read.sequence == NOT_TOLD:
        return state
    if state.is_known:
        return state if read.sequence == state.sequence else None
    return RowState(state.number, read.sequence) if read.sequence > state.sequence else None


def _is_met(state: RowState, expects: int | None) -> bool:
    """A sequence that nobody knows yet can be expected by nobody."""
    if expects is None:
        return True
    if expects == ABSENT:
        return state.number == NOTHING
    return state.number != NOTHING and state.is_known and state.sequence == expects
