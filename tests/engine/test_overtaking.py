"""Who waits for an answer that nobody will give hears of it; who waits for a slow engine waits."""

import asyncio

import pytest

from aiex.engine.jetstream_refusal import StreamMissing
from aiex.engine.overtaking import Overtaking
from aiex.engine.session import NoAnswer
from aiex.errors import EngineError, EngineUnavailable


class Leader:
    """Answers a later write as `troubles` say, in turn, and then at once."""

    def __init__(self, *troubles: EngineError) -> None:
        self._troubles = list(troubles)
        self.asked_count = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.was_asked = asyncio.Event()

    async def write_later(self, _: float) -> None:
        self.asked_count += 1
        self.was_asked.set()
        if self._troubles:
            raise self._troubles.pop(0)
        await self.answers.wait()


async def never() -> str:
    await asyncio.Event().wait()
    return "an answer"


async def test_an_answer_that_comes_soon_is_given_and_nothing_more_is_written() -> None:
    leader = Leader()
    assert await Overtaking(leader.write_later).unless_overtaken(soon) == "an answer"
    assert leader.asked_count == 0


async def soon() -> str:
    return "an answer"


async def test_a_write_whose_leader_is_gone_is_given_up_when_a_later_one_is_kept() -> None:
    leader = Leader()
    with pytest.raises(NoAnswer, match="another server leads"):
        await Overtaking(leader.write_later).unless_overtaken(never)
    assert leader.asked_count == 1


async def test_a_later_one_is_tried_until_there_is_a_leader_to_keep_it() -> None:
    leader = Leader(StreamMissing("nobody"), EngineUnavailable("no answer"), StreamMissing("none"))
    with pytest.raises(NoAnswer):
        await Overtaking(leader.write_later).unless_overtaken(never)
    assert leader.asked_count == 4


async def test_one_later_write_tells_all_who_wait() -> None:
    leader = Leader()
    overtaking = Overtaking(leader.write_later)
    waiting = [overtaking.unless_overtaken(never) for _ in range(8)]
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in found] == [NoAnswer] * 8
    assert leader.asked_count == 1


async def test_a_slow_engine_is_slow_with_the_later_one_too_and_is_waited_for() -> None:
    leader = Leader()
    leader.answers.clear()
    overtaking = Overtaking(leader.write_later)
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def write() -> str:
        return await answer

    writing = asyncio.create_task(overtaking.unless_overtaken(write))
    await leader.was_asked.wait()
    answer.set_result("an answer, late")
    leader.answers.set()
    assert await writing == "an answer, late"


async def test_what_was_sent_later_and_kept_by_anybody_here_is_as_good() -> None:
    leader = Leader()
    leader.answers.clear()
    overtaking = Overtaking(leader.write_later)
    lost = asyncio.create_task(overtaking.unless_overtaken(never))
    await asyncio.sleep(0)
    assert await overtaking.unless_overtaken(soon) == "an answer"
    with pytest.raises(NoAnswer):
        await lost
    assert leader.asked_count == 0


async def test_a_refusal_is_passed_on() -> None:
    async def refused() -> str:
        raise StreamMissing("no such stream")

    with pytest.raises(StreamMissing):
        await Overtaking(Leader().write_later).unless_overtaken(refused)


async def test_who_is_cancelled_leaves_nothing_behind() -> None:
    leader = Leader()
    leader.answers.clear()
    writing = asyncio.create_task(Overtaking(leader.write_later).unless_overtaken(never))
    await leader.was_asked.wait()
    before = asyncio.all_tasks()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert len(asyncio.all_tasks()) < len(before) - 1
