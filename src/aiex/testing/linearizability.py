"""Is a history linearizable: can each operation have happened at one moment between its call and
its return, all of them one after the other, so that every answer was right?

The search is Wing and Gong's with Lowe's memory: take an operation that may come next, follow it as
far as it leads, and never come back to a set of operations done with a state that was there before.

- J. M. Wing, C. Gong: Testing and Verifying Concurrent Objects. J. Parallel Distrib. Comput., 1993
- G. Lowe: Testing for Linearizability. Concurrency and Computation, 2017
- A. Horn, D. Kroening: Faster Linearizability Checking via P-Compositionality. FORTE 2015: a
  history is linearizable when that of each register is, so each is judged by itself

An uncertain operation may have happened at any time since its call, or never. Whatever lies between
it and the next one that needs it is right without it too, since a register remembers nothing but
its last change. So it is tried only where one that is certain has no other explanation, just
before that one; or two of them, where the second needs a row that is gone, or there, and the first
sees to that. `tests/store/test_linearizability.py` compares with a search that tries everything.

Clients of a history have to keep two rules: each number is put once, and what they expect they were
told. The search is exponential in the operations under way at once: keep to some dozens of clients.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, product
from operator import attrgetter
from typing import NamedTuple

from aiex.testing.history import Action, Operation, Outcome
from aiex.testing.row_register import RowState, after

STEPS_MAX = 5_000_000
SHOWN_MAX = 8
UNREAD = -1


class TooHard(Exception):
    """The search took more steps than it may; take fewer clients, or more registers."""


class Violation(NamedTuple):
    """The best explanation of a register's operations that there is, and what it leaves over."""

    register: str
    explained: Sequence[Operation]  # in the order in which they would have happened
    state: RowState
    next: Sequence[Operation]  # none of which can have happened then

    def __str__(self) -> str:
        before = "\n".join(f"  {one}" for one in self.explained[-SHOWN_MAX:])
        left = "\n".join(f"  {one}" for one in self.next[:SHOWN_MAX])
        return (
            f"{self.register} is not linearizable. After {len(self.explained)} operations, the last"
            f" of them\n{before}\nthe row would be {self.state}, which none of these can follow:\n"
            f"{left}"
        )


def violations(history: Iterable[Operation], *, steps_max: int = STEPS_MAX) -> Sequence[Violation]:
    """One for each register whose operations no order explains; raises `TooHard`."""
    by_register = sorted(history, key=attrgetter("register"))
    searches = (
        _Search(register, list(operations), steps_max)
        for register, operations in groupby(by_register, key=attrgetter("register"))
    )
    return [violation for search in searches if (violation := search.run()) is not None]


class _Move(NamedTuple):
    """`at` happens next, and the uncertain operations `before` right before it, if any."""

    at: int
    before: tuple[int, ...]
    state: RowState


class _Place(NamedTuple):
    """Where the search is: what happened so far, as sets of bits, and the row's state then."""

    state: RowState = RowState()
    certain: int = 0
    uncertain: int = 0

    def after(self, move: _Move) -> "_Place":
        uncertain = self.uncertain
        for number in move.before:
            uncertain |= 1 << number
        return _Place(move.state, self.certain | 1 << move.at, uncertain)


class _Memory:
    """The places that the search has been to, and led nowhere.

    Nor does a place that differs only in that more uncertain operations are used up.
    """

    def __init__(self) -> None:
        self._used: dict[tuple[RowState, int], list[int]] = {}

    def is_new(self, place: _Place) -> bool:
        """Whether there is a reason to go there; from now on there is none."""
        known = self._used.setdefault((place.state, place.certain), [])
        if any(used & place.uncertain == used for used in known):
            return False
        known.append(place.uncertain)
        return True


class _Search:
    """Of one register. Operations are known by their place in the order of the calls."""

    def __init__(self, register: str, operations: Sequence[Operation], steps_max: int) -> None:
        self._register = register
        self._steps_left = steps_max
        told = (Outcome.DONE, Outcome.CONFLICT)
        in_order = sorted(operations, key=attrgetter("called_ns"))
        # What did not happen, and reads that gave nothing, have nothing to be explained.
        self._certain = [one for one in in_order if one.outcome in told]
        self._uncertain = [
            one
            for one in in_order
            if one.outcome is Outcome.UNCERTAIN and one.action is not Action.READ
        ]
        # Of numbers that nobody read, one is as good as the other.
        read = {one.number for one in self._certain if one.action is Action.READ}
        self._sorts = [
            (one.action, one.expects, one.number if one.number in read else UNREAD)
            for one in self._uncertain
        ]
        # The certain ones that have not happened yet, as a list in a circle around the last place.
        end = len(self._certain)
        self._end = end
        self._following = [*range(1, end + 1), 0]
        self._preceding = [end, *range(end)]

    def run(self) -> Violation | None:
        place, memory = _Place(), _Memory()
        path: list[tuple[_Move, Iterator[_Move], _Place]] = []
        moves = self._moves(place)
        best: Violation | None = None
        while self._following[self._end] != self._end:
            move = self._next(moves, place, memory)
            if move is not None:
                path.append((move, moves, place))
                self._take_out(move.at)
                place = place.after(move)
                moves = self._moves(place)
                continue
            if best is None or len(best.explained) < len(path):
                best = self._violation([one for one, *_ in path], place.state)
            if not path:
                return best
            move, moves, place = path.pop()
            self._put_back(move.at)
        return None

    def _next(self, moves: Iterator[_Move], place: _Place, memory: _Memory) -> _Move | None:
        """The next move that leads somewhere new."""
        for move in moves:
            self._steps_left -= 1
            if self._steps_left < 0:
                raise TooHard(f"{self._register}: {len(self._certain)} operations")
            if memory.is_new(place.after(move)):
                return move
        return None

    def _moves(self, place: _Place) -> Iterator[_Move]:
        """Certain operations that may come next by themselves, then those with uncertain ones."""
        # A list: what is deeper in the search changes the circle, and mends it, meanwhile.
        candidates, first_return_ns = self._candidates()
        unexplained = []
        for index in candidates:
            then = after(place.state, self._certain[index])
            if then is None:
                unexplained.append(index)
            else:
                yield _Move(index, (), then)
        if unexplained:
            chains = self._chains(place, first_return_ns)
            for (numbers, between), index in product(chains, unexplained):
                then = after(between, self._certain[index])
                if then is not None:
                    yield _Move(index, numbers, then)

    def _candidates(self) -> tuple[list[int], int]:
        """Those that were called before any that has not happened yet returned, and that moment."""
        index = self._following[self._end]
        first_return_ns = self._certain[index].returned_ns
        found = []
        while index != self._end and self._certain[index].called_ns <= first_return_ns:
            found.append(index)
            first_return_ns = min(first_return_ns, self._certain[index].returned_ns)
            index = self._following[index]
        return found, first_return_ns

    def _chains(self, place: _Place, until_ns: int) -> list[tuple[tuple[int, ...], RowState]]:
        """Uncertain operations that can happen now, one alone; or two, the first for the second."""
        possible, impossible = [], []
        for number in self._uncertain_at(place, until_ns):
            then = self._after_uncertain(place.state, number)
            if then is None:
                impossible.append(number)
            else:
                possible.append((number, then))
        chains: list[tuple[tuple[int, ...], RowState]] = [((one,), then) for one, then in possible]
        for (first, between), second in product(possible, impossible):
            then = self._after_uncertain(between, second)
            if then is not None:
                chains.append(((first, second), then))
        return chains

    def _after_uncertain(self, state: RowState, number: int) -> RowState | None:
        then = after(state, self._uncertain[number])
        if then is None or self._uncertain[number].action is Action.DELETE:
            return then
        return then._replace(number=self._sorts[number][-1])

    def _uncertain_at(self, place: _Place, until_ns: int) -> list[int]:
        """Those that were called by then and have not happened, one of each sort."""
        found: dict[object, int] = {}
        for number, operation in enumerate(self._uncertain):
            if operation.called_ns > until_ns:
                break
            if not place.uncertain >> number & 1:
                found.setdefault(self._sorts[number], number)
        return list(found.values())

    def _take_out(self, index: int) -> None:
        before, behind = self._preceding[index], self._following[index]
        self._following[before], self._preceding[behind] = behind, before

    def _put_back(self, index: int) -> None:
        before, behind = self._preceding[index], self._following[index]
        self._following[before] = self._preceding[behind] = index

    def _violation(self, moves: Sequence[_Move], state: RowState) -> Violation:
        explained: list[Operation] = []
        for move in moves:
            explained.extend(self._uncertain[number] for number in move.before)
            explained.append(self._certain[move.at])
        candidates, _ = self._candidates()
        left = [self._certain[index] for index in candidates]
        return Violation(self._register, explained, state, left)
