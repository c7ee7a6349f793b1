"""A write happens once or not at all, and says which, however often its answers are lost."""

from collections.abc import Callable, Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.engine import (
    EngineStatus,
    Kept,
    NewMessage,
    NotDone,
    Repeated,
    Stream,
    StreamMessage,
    WrongSequence,
)
from aiex.errors import Conflict, EngineUnavailable, StoreUnavailable, WriteUncertain
from aiex.store.patience import CHOICE_S, Patience
from aiex.store.writer import Writer

DEADLINE_S = 10.0


class HastyClock:
    """A `Clock` on which whoever sleeps has slept already."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_s(self) -> float:
        return self.now_s

    async def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s


class LossyStream:
    """Keeps what it is told as the engine does. `troubles`: what happens to the next tries.

    "lost": kept, and the answer is lost; "dropped": not even that; "away": it says it is not done;
    "overtaken": lost, and then somebody else replaces the first of it; "cut off": a leader that has
    nothing yet of what the others have refuses it; "contradicted": such a one does, and the others
    keep it; "outrun": the same, and then somebody else replaces the first of it.
    """

    def __init__(self, *troubles: str, clock: HastyClock) -> None:
        self._troubles = list(troubles)
        self._clock = clock
        self._newest: dict[str, StreamMessage] = {}
        self._ids: dict[str, int] = {}
        self._sequence = 0
        self.kept_count = 0
        self.try_count = 0
        self.is_forgetful = False

    async def write(self, message: NewMessage, *, timeout_s: float) -> Kept:
        if message.subject == "barrier":
            return self._keep(message)
        return await self._suffer([message], timeout_s, lambda: self._write(message))

    async def write_batch(self, messages: Sequence[NewMessage], *, timeout_s: float) -> Kept:
        return await self._suffer(messages, timeout_s, lambda: self._write_batch(messages))

    async def last(
        self, subject: str, *, at_least: int = 0, timeout_s: float
    ) -> StreamMessage | None:
        assert at_least == self._sequence, "what decides is read behind a barrier"
        return self._newest.get(subject)

    async def _suffer(
        self, messages: Sequence[NewMessage], timeout_s: float, write: Callable[[], Kept]
    ) -> Kept:
        self.try_count += 1
        trouble = self._troubles.pop(0) if self._troubles else ""
        if not trouble:
            return write()
        if trouble == "away":
            raise NotDone("it is away")
        if trouble == "cut off":
            raise WrongSequence(0)
        if trouble in ("lost", "overtaken", "contradicted", "outrun"):
            write()
        if trouble in ("overtaken", "outrun"):
            self._keep(NewMessage(messages[0].subject, id="theirs"))
        if trouble in ("contradicted", "outrun"):
            raise WrongSequence(0)
        await self._clock.sleep(timeout_s)
        raise EngineUnavailable("it gave no answer")

    def _write(self, message: NewMessage) -> Kept:
        if message.id in self._ids:
            return Kept(self._ids[message.id], is_repeat=True)
        self._check(message)
        self.kept_count += 1
        return self._keep(message)

    def _write_batch(self, messages: Sequence[NewMessage]) -> Kept:
        if any(message.id in self._ids for message in messages):
            raise Repeated
        for message in messages:
            self._check(message)
        self.kept_count += 1
        return [self._keep(message) for message in messages][-1]

    def _check(self, message: NewMessage) -> None:
        there = self._newest.get(message.subject)
        if message.expects is not None and message.expects != (there.sequence if there else 0):
            raise Conflict

    def _keep(self, message: NewMessage) -> Kept:
        self._sequence += 1
        headers = {"Nats-Msg-Id": message.id}
        if message.expects is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(message.expects)
        self._newest[message.subject] = StreamMessage(
            message.subject, self._sequence, 0.0, headers, message.data
        )
        if message.id and not self.is_forgetful:
            self._ids[message.id] = self._sequence
        return Kept(self._sequence)


UP = EngineStatus("up", "", 0.0, "2.15.1", is_embedded=True)
NO_QUORUM = EngineStatus("no quorum", "too few servers", 0.0, "2.15.1", is_embedded=True)


class Scene:
    def __init__(self, *troubles: str, status: EngineStatus = UP) -> None:
        self.clock = HastyClock()
        self.stream = LossyStream(*troubles, clock=self.clock)
        self.status = status
        stream = cast("Stream", self.stream)
        patience = Patience(lambda: self.status, self.clock)
        self._writer = Writer(stream, "barrier", patience, clock=self.clock)

    async def write(self, *messages: NewMessage) -> int:
        return await self._writer.write(messages, deadline_s=DEADLINE_S)


TROUBLES = ("", "lost", "dropped", "away", "overtaken", "cut off", "contradicted")
A = NewMessage("a", b"1")
NEW_A = NewMessage("a", b"1", expects=0)
BATCH = (NEW_A, NewMessage("b", b"2"), NewMessage("c", b"3", expects=0))


@pytest.mark.parametrize("messages", [(A,), (NEW_A,), BATCH])
@pytest.mark.parametrize("trouble", ["lost", "dropped", "away"])
async def test_a_write_whose_answer_is_lost_is_sent_again_and_happens_once(
    messages: tuple[NewMessage, ...], trouble: str
) -> None:
    scene = Scene(trouble, trouble)
    assert await scene.write(*messages) in (len(messages), len(messages) + 1)  # or a barrier
    assert scene.stream.kept_count == 1


async def test_a_retry_whose_first_try_succeeded_is_no_conflict_even_where_ids_are_forgotten() -> (
    None
):
    scene = Scene("lost")
    scene.stream.is_forgetful = True  # as an engine whose servers were all started anew
    assert await scene.write(NEW_A) == 1
    assert scene.stream.kept_count == 1


async def test_a_conflict_of_the_first_try_is_one_at_once() -> None:
    scene = Scene()
    await scene.write(A)
    with pytest.raises(Conflict):
        await scene.write(NEW_A)


async def test_a_conflict_after_a_try_that_did_nothing_is_still_a_conflict() -> None:
    scene = Scene("", "dropped")
    first = await scene.write(A)
    with pytest.raises(Conflict):
        await scene.write(NEW_A)
    assert first == 1


async def test_where_somebody_replaced_what_may_have_been_ours_nobody_can_tell() -> None:
    scene = Scene("overtaken")
    scene.stream.is_forgetful = True
    with pytest.raises(WriteUncertain):
        await scene.write(NEW_A)


async def test_a_leader_that_was_cut_off_and_refuses_by_what_it_has_is_not_believed() -> None:
    scene = Scene("", "cut off")
    first = await scene.write(A)
    assert await scene.write(NewMessage("a", b"2", expects=first)) > first
    assert scene.stream.kept_count == 2


@pytest.mark.parametrize("messages", [(NEW_A,), BATCH])
async def test_what_was_kept_is_no_conflict_whatever_a_leader_says_that_was_cut_off(
    messages: tuple[NewMessage, ...],
) -> None:
    scene = Scene("contradicted")
    assert await scene.write(*messages) == len(messages)
    assert scene.stream.kept_count == 1


async def test_what_was_kept_and_replaced_is_recognised_when_it_is_sent_again() -> None:
    scene = Scene("outrun")
    assert await scene.write(NEW_A) == 1
    assert scene.stream.kept_count == 1


async def test_what_nobody_ever_wrote_at_is_a_conflict() -> None:
    scene = Scene()
    first = await scene.write(A)
    with pytest.raises(Conflict):
        await scene.write(NewMessage("a", b"2", expects=first + 1_000))


async def test_an_engine_that_never_answers_leaves_it_uncertain_at_the_deadline() -> None:
    scene = Scene(*["dropped"] * 20)
    with pytest.raises(WriteUncertain):
        await scene.write(A)
    assert scene.clock.now_s == pytest.approx(DEADLINE_S, abs=0.1)


async def test_an_engine_that_says_it_did_nothing_makes_it_certain_at_the_deadline() -> None:
    scene = Scene(*["away"] * 1_000)
    with pytest.raises(StoreUnavailable, match="Nothing was written: it is away"):
        await scene.write(A)
    assert scene.clock.now_s == pytest.approx(DEADLINE_S, abs=0.1)
    assert scene.stream.kept_count == 0


async def test_nobody_waits_where_there_is_nothing_to_wait_for() -> None:
    scene = Scene(status=NO_QUORUM)
    scene.clock.now_s = CHOICE_S
    with pytest.raises(StoreUnavailable, match="no quorum: too few servers"):
        await scene.write(A)
    assert scene.clock.now_s == CHOICE_S


async def test_what_is_not_sent_for_want_of_a_quorum_is_certain_not_to_be_written() -> None:
    scene = Scene(status=NO_QUORUM)
    with pytest.raises(StoreUnavailable, match="Nothing was written"):
        await scene.write(A)
    assert scene.clock.now_s == pytest.approx(CHOICE_S, abs=0.1)
    assert scene.stream.try_count == 0


@settings(deadline=None)
@given(
    troubles=st.lists(
        st.sampled_from(["", "lost", "dropped", "away", "overtaken", "cut off", "contradicted"]),
        max_size=12,
    ),
    messages=st.sampled_from([(A,), (NEW_A,), BATCH]),
)
async def test_whatever_happens_it_happens_once_or_not_at_all_and_what_is_said_is_true(
    troubles: list[str], messages: tuple[NewMessage, ...]
) -> None:
    scene = Scene(*troubles)
    try:
        await scene.write(*messages)
    except (Conflict, StoreUnavailable):
        assert scene.stream.kept_count == 0
    except WriteUncertain:
        assert scene.stream.kept_count <= 1
    else:
        assert scene.stream.kept_count == 1
