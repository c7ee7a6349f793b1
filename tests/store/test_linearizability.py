"""The judge of histories, asked about small ones by hand and held to a search of everything."""

from collections.abc import Sequence
from itertools import permutations
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.store import ABSENT
from aiex.testing.history import NOTHING, Action, Operation, Outcome
from aiex.testing.linearizability import TooHard, violations
from aiex.testing.row_register import RowState, after

DONE, CONFLICT, REFUSED, UNCERTAIN = Outcome


def put(
    span: tuple[int, int],
    number: int,
    sequence: int = 0,
    *,
    expects: int | None = None,
    outcome: Outcome = DONE,
    register: str = "a",
) -> Operation:
    return Operation(
        1, register, Action.PUT, *span, outcome, number=number, sequence=sequence, expects=expects
    )


def delete(
    span: tuple[int, int],
    sequence: int = 0,
    *,
    expects: int | None = None,
    outcome: Outcome = DONE,
) -> Operation:
    return Operation(1, "a", Action.DELETE, *span, outcome, sequence=sequence, expects=expects)


def read(
    span: tuple[int, int], number: int = NOTHING, sequence: int = 0, *, register: str = "a"
) -> Operation:
    return Operation(2, register, Action.READ, *span, DONE, number=number, sequence=sequence)


def is_linearizable(*history: Operation) -> bool:
    return not violations(history)


def test_one_after_the_other_is_linearizable() -> None:
    assert is_linearizable()
    assert is_linearizable(
        read((0, 1)),
        put((2, 3), 17, 5),
        read((4, 5), 17, 5),
        put((6, 7), 18, 6, expects=5),
        put((8, 9), 19, expects=5, outcome=CONFLICT),
        delete((10, 11), 7),
        read((12, 13)),
        put((14, 15), 20, 8, expects=ABSENT),
    )


def test_a_read_of_what_was_overwritten_is_convicted() -> None:
    writes = put((0, 1), 17, 1), put((2, 3), 18, 2)
    assert is_linearizable(*writes, read((4, 5), 18, 2))
    assert not is_linearizable(*writes, read((4, 5), 17, 1))


def test_a_read_beside_a_write_may_see_it_or_not() -> None:
    writes = put((0, 1), 17, 1), put((2, 9), 18, 2)
    assert is_linearizable(*writes, read((4, 5), 17, 1))
    assert is_linearizable(*writes, read((4, 5), 18, 2))


def test_who_saw_a_write_saw_it_for_all() -> None:
    writes = put((0, 1), 17, 1), put((2, 9), 18, 2)
    assert is_linearizable(*writes, read((3, 4), 17, 1), read((5, 6), 18, 2))
    assert not is_linearizable(*writes, read((3, 4), 18, 2), read((5, 6), 17, 1))


def test_an_acknowledged_write_that_is_lost_is_convicted() -> None:
    assert not is_linearizable(put((0, 1), 17, 1), read((2, 3)))


def test_a_refused_write_that_happened_is_convicted() -> None:
    assert is_linearizable(put((0, 1), 17, outcome=REFUSED), read((2, 3)))
    assert not is_linearizable(put((0, 1), 17, outcome=REFUSED), read((2, 3), 17, 1))


def test_of_two_who_expect_the_same_one_may_succeed() -> None:
    both = put((0, 9), 17, 1, expects=ABSENT), put((0, 9), 18, 2, expects=ABSENT)
    assert not is_linearizable(*both)
    lost = put((0, 9), 18, expects=ABSENT, outcome=CONFLICT)
    assert is_linearizable(both[0], lost)
    assert not is_linearizable(lost)


def test_a_conflict_without_a_cause_is_convicted() -> None:
    late = put((4, 5), 18, expects=1, outcome=CONFLICT)
    assert not is_linearizable(put((0, 1), 17, 1), late)
    assert is_linearizable(put((0, 1), 17, 1), put((2, 9), 19, 2), late)


def test_an_uncertain_write_may_happen_late_or_never() -> None:
    uncertain = put((0, 1), 17, outcome=UNCERTAIN)
    assert is_linearizable(uncertain, read((2, 3)))
    assert is_linearizable(uncertain, read((2, 3)), read((4, 5), 17, 1))
    assert not is_linearizable(uncertain, read((2, 3), 17, 1), read((4, 5)))
    assert not is_linearizable(read((0, 1), 17, 1), put((2, 3), 17, outcome=UNCERTAIN))


def test_an_uncertain_write_happens_once() -> None:
    uncertain = put((0, 1), 17, outcome=UNCERTAIN)
    other = put((4, 5), 18, 2)
    assert is_linearizable(uncertain, read((2, 3), 17, 1), other, read((6, 7), 18, 2))
    assert not is_linearizable(uncertain, read((2, 3), 17, 1), other, read((6, 7), 17, 3))
    assert not is_linearizable(uncertain, read((2, 3), 17, 1), read((6, 7), 17, 3))


def test_an_uncertain_delete_explains_what_is_gone_and_once_only() -> None:
    uncertain = delete((2, 3), outcome=UNCERTAIN)
    gone = put((0, 1), 17, 1), uncertain, read((4, 5))
    assert is_linearizable(*gone)
    assert not is_linearizable(*gone, put((6, 7), 18, 3), read((8, 9)))


def test_a_sequence_that_does_not_grow_is_convicted() -> None:
    assert not is_linearizable(put((0, 1), 17, 2), put((2, 3), 18, 1))
    assert not is_linearizable(put((0, 1), 17, 2), put((2, 3), 18, 2))
    assert is_linearizable(put((0, 9), 17, 2), put((2, 3), 18, 1))


def test_each_register_is_judged_by_itself_and_named() -> None:
    good = put((0, 1), 17, 1), read((2, 3), 17, 1)
    bad = put((0, 1), 18, 1, register="b"), read((2, 3), register="b")
    [violation] = violations([*good, *bad])
    assert violation.register == "b"
    assert (list(violation.explained), list(violation.next)) == ([bad[0]], [bad[1]])
    assert "read b: done" in str(violation)
    assert "put b 18: done at 1" in str(violation)


def test_a_search_has_a_limit() -> None:
    beside = [put((0, 99), number, expects=1, outcome=CONFLICT) for number in range(1, 20)]
    with pytest.raises(TooHard):
        violations([*beside, read((100, 101), 3, 3)], steps_max=100)


def tries_everything(history: Sequence[Operation]) -> bool:
    """Whether any order of all that is certain and any of the rest explains the history."""
    certain = [one for one in history if one.outcome in (DONE, CONFLICT)]
    uncertain = [one for one in history if one.outcome is UNCERTAIN]
    return any(
        _explains(order)
        for count in range(len(uncertain) + 1)
        for some in permutations(uncertain, count)
        for order in permutations((*certain, *some))
        if _keeps(order, some)
    )


def _keeps(order: Sequence[Operation], some: Sequence[Operation]) -> bool:
    """Is nothing before what had returned when it was called, and `some` as given?"""
    last_call_ns = 0
    for one in order:
        last_call_ns = max(last_call_ns, one.called_ns)
        if one.outcome is not UNCERTAIN and one.returned_ns < last_call_ns:
            return False
    return [one for one in order if one.outcome is UNCERTAIN] == list(some)


def _explains(order: Sequence[Operation]) -> bool:
    state: RowState | None = RowState()
    for one in order:
        if state is None:
            return False
        state = after(state, one)
    return state is not None


def happen(state: RowState, one: Operation, sequence: int) -> tuple[RowState, Operation]:
    """The register afterwards, and the operation with what its client is told."""
    if one.action is Action.READ:
        return state, msgspec.structs.replace(one, number=state.number, sequence=state.sequence)
    done = msgspec.structs.replace(one, sequence=sequence)
    then = after(state, done)
    if then is None:
        return state, msgspec.structs.replace(one, outcome=CONFLICT)
    return then, done


def unanswered(one: Operation) -> Operation:
    return msgspec.structs.replace(one, outcome=UNCERTAIN, sequence=0)


def lie(draw: st.DrawFn, one: Operation) -> Operation:
    outcome = draw(st.sampled_from(Outcome))
    if outcome is UNCERTAIN:
        return unanswered(one)
    number = draw(st.integers(0, 6)) if one.action is Action.READ else one.number
    sequence = draw(st.just(one.sequence) | st.integers(0, 6))
    return msgspec.structs.replace(one, outcome=outcome, number=number, sequence=sequence)


@st.composite
def histories(draw: st.DrawFn) -> Sequence[Operation]:
    """What a register really did, each operation at a moment of its own; then perhaps one lie."""
    state, told = RowState(), {ABSENT}
    history: list[Operation] = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        moment = 10 * number
        span = moment - draw(st.integers(0, 35)), moment + draw(st.integers(0, 35))
        action = draw(st.sampled_from(Action))
        one = Operation(number, "a", action, *span, DONE)
        if action is not Action.READ:
            expects = draw(st.none() | st.sampled_from(sorted(told)))
            one = msgspec.structs.replace(one, expects=expects)
        if action is Action.PUT:
            one = msgspec.structs.replace(one, number=number)
        then, answered = happen(state, one, number)
        if action is not Action.READ and draw(st.booleans()):
            answered = unanswered(one)
            then = then if draw(st.booleans()) else state
        state = then
        told.add(answered.sequence)
        history.append(answered)
    if draw(st.booleans()):
        liar = draw(st.integers(0, len(history) - 1))
        history[liar] = lie(draw, history[liar])
    return history


@given(histories())
def test_the_search_finds_what_trying_everything_finds(history: Sequence[Operation]) -> None:
    assert is_linearizable(*history) == tries_everything(history)


class LongHistory:
    """What registers did for clients that each do one thing after the other.

    One change in twenty has no answer, and happens much later, or never.
    """

    def __init__(self, random: Random, *, clients: int, registers: int) -> None:
        self.operations: list[Operation] = []
        self._random = random
        self._states = {f"r{number}": RowState() for number in range(registers)}
        self._free_at = dict.fromkeys(range(clients), 0)
        self._told: dict[tuple[int, str], int] = {}
        self._late: list[Operation] = []
        self._sequence = 0
        self._now = 0

    def go_on(self, count: int) -> list[Operation]:
        for _ in range(count):
            self._sequence += 1
            one = self._drawn()
            if one.action is not Action.READ and self._random.random() < 0.05:
                self._late.append(one)
                self.operations.append(unanswered(one))
            else:
                self._states[one.register], told = happen(
                    self._states[one.register], one, self._sequence
                )
                self.operations.append(told)
                if told.sequence:
                    self._told[one.client, one.register] = told.sequence
            if self._late and self._random.random() < 0.04:
                self._something_late_happens()
        return self.operations

    def _drawn(self) -> Operation:
        client = min(self._free_at, key=self._free_at.__getitem__)
        called = self._free_at[client] + 1
        self._now = max(self._now, called) + self._random.randint(1, 10)
        returned = self._now + self._random.randint(1, 10 * len(self._free_at))
        self._free_at[client] = returned
        register, action = self._random.choice([*self._states]), self._random.choice([*Action])
        one = Operation(client, register, action, called, returned, DONE)
        if action is Action.READ:
            return one
        number = self._now if action is Action.PUT else NOTHING
        told = self._told.get((client, register), ABSENT)
        expects = self._random.choice([None, told, ABSENT])
        return msgspec.structs.replace(one, number=number, expects=expects)

    def _something_late_happens(self) -> None:
        one = self._late.pop(self._random.randrange(len(self._late)))
        self._sequence += 1
        self._states[one.register], _ = happen(self._states[one.register], one, self._sequence)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_history_with_many_lost_answers_is_judged(seed: int) -> None:
    history = LongHistory(Random(seed), clients=12, registers=5).go_on(10_000)
    assert violations(history) == []


@pytest.mark.parametrize("seed", range(3))
def test_one_wrong_answer_among_many_is_found(seed: int) -> None:
    random = Random(seed)
    history = LongHistory(random, clients=12, registers=5).go_on(2_000)
    at = random.choice([at for at, one in enumerate(history) if one.action is Action.READ])
    history[at] = msgspec.structs.replace(history[at], number=history[at].number + 1)
    [violation] = violations(history)
    assert violation.register == history[at].register
