"""A history: what clients asked of the rows of a table, when, and what they were told.

Each row is a register that holds a number. Every number is written once, so that who reads it knows
which write it came from. All processes of a machine have one clock, and so their notes are one
history.

    recorder = Recorder()
    registers = RecordedRegisters(1, store.rows(REGISTERS), recorder.note)
    await registers.put("a", 17)
    recorder.operations  # what `aiex.testing.linearizability` judges
"""

import time
from collections.abc import Awaitable, Callable
from enum import StrEnum

import msgspec

from aiex.errors import Conflict, StoreUnavailable, WriteUncertain
from aiex.store import Rows, Stored, Table, Written

NOTHING = 0  # in place of a number: there is no row
NOT_TOLD = 0  # in place of a sequence
DEADLINE_S = 5.0


class Register(msgspec.Struct, frozen=True):
    name: str
    number: int


REGISTERS = Table("registers", row=Register, key=("name",), view="everywhere")


class Action(StrEnum):
    READ = "read"
    PUT = "put"
    DELETE = "delete"


class Outcome(StrEnum):
    DONE = "done"
    CONFLICT = "conflict"  # nothing was written: the row was not what was expected
    REFUSED = "refused"  # nothing was written, or nothing was read
    UNCERTAIN = "uncertain"  # it happened at some time since the call, will happen, or never does


class Operation(msgspec.Struct, frozen=True, tag=True):
    """One call of one client. `number` is what was put, or what was read."""

    client: int
    register: str
    action: Action
    called_ns: int
    returned_ns: int
    outcome: Outcome = Outcome.UNCERTAIN
    number: int = NOTHING
    expects: int | None = None
    sequence: int = NOT_TOLD

    def __str__(self) -> str:
        what = [self.action.value, self.register]
        if self.number:
            what.append(str(self.number))
        if self.expects is not None:
            what.append(f"if at {self.expects}")
        told = f"{self.outcome.value} at {self.sequence}" if self.sequence else self.outcome.value
        span = f"{self.called_ns / 1e9:.6f} to {self.returned_ns / 1e9:.6f} s"
        return f"client {self.client}, {span}: {' '.join(what)}: {told}"


class Recorder:
    """Keeps operations in the order in which they ended."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def note(self, operation: Operation) -> None:
        self.operations.append(operation)


class RecordedRegisters:
    """The registers for one client, who does one thing after the other; all is noted.

    What is cancelled is noted as uncertain: who gave up knows no more.
    """

    def __init__(
        self,
        client: int,
        rows: Rows[Register],
        note: Callable[[Operation], None],
        *,
        deadline_s: float = DEADLINE_S,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.client = client
        self._rows = rows
        self._note = note
        self._deadline_s = deadline_s
        self._now_ns = now_ns

    async def read(self, register: str) -> Operation:
        """A linearizable read."""
        asked = self._asked(register, Action.READ)
        row = self._rows.get((register,), linearizable=True, deadline_s=self._deadline_s)
        return await self._told(asked, row)

    async def put(self, register: str, number: int, *, expects: int | None = None) -> Operation:
        asked = self._asked(register, Action.PUT, number, expects)
        row = Register(register, number)
        return await self._told(
            asked, self._rows.put(row, expects=expects, deadline_s=self._deadline_s)
        )

    async def delete(self, register: str, *, expects: int | None = None) -> Operation:
        asked = self._asked(register, Action.DELETE, NOTHING, expects)
        return await self._told(
            asked, self._rows.delete((register,), expects=expects, deadline_s=self._deadline_s)
        )

    def _asked(
        self, register: str, action: Action, number: int = NOTHING, expects: int | None = None
    ) -> Operation:
        now_ns = self._now_ns()
        return Operation(
            self.client, register, action, now_ns, now_ns, number=number, expects=expects
        )

    async def _told(
        self, asked: Operation, answer: Awaitable[Written | Stored[Register] | None]
    ) -> Operation:
        told = asked
        try:
            told = _done(asked, await answer)
        except Conflict:
            told = msgspec.structs.replace(asked, outcome=Outcome.CONFLICT)
        except StoreUnavailable:
            told = msgspec.structs.replace(asked, outcome=Outcome.REFUSED)
        except WriteUncertain:
            pass
        finally:
            told = msgspec.structs.replace(told, returned_ns=self._now_ns())
            self._note(told)
        return told


def _done(asked: Operation, answer: Written | Stored[Register] | None) -> Operation:
    number, sequence = asked.number, NOT_TOLD
    if isinstance(answer, Stored):
        number = answer.row.number
    if answer is not None:
        sequence = answer.sequence
    return msgspec.structs.replace(asked, outcome=Outcome.DONE, number=number, sequence=sequence)
