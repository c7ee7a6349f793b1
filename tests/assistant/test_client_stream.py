"""A client's stream: opened late, ended in good order, and never waited for without end."""

import asyncio
import json
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiex.assistant.client_stream import ClientStream
from aiex.assistant.exchange import ClientGone
from aiex.assistant.frames import FrameRelay
from aiex.assistant.reader_watch import STALL_S, ReaderWatch
from aiex.assistant.refusal import Refusal
from aiex.assistant.trail import Trail
from aiex.assistant.usage import Usage
from aiex.errors import ProviderError
from aiex.testing.exchange import MemoryExchange

DELTA = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


class Stage:
    """One client, and a provider that counts what was taken from it."""

    def __init__(self) -> None:
        self.exchange = MemoryExchange()
        self.trail = Trail(method="POST", route="/x", request_id="r1", traceparent="", at_s=0)
        self.taken_count = 0

    def client(self, *, stall_s: float = STALL_S) -> ClientStream:
        return ClientStream(self.trail, self.exchange, ReaderWatch(stall_s))

    async def chunks(self, *script: bytes | BaseException) -> AsyncIterator[bytes]:
        for chunk in script:
            if isinstance(chunk, BaseException):
                raise chunk
            self.taken_count += 1
            yield chunk

    async def relay(self, *script: bytes | BaseException, **options: Any) -> None:
        async with self.client(**options) as client:
            await client.relay(self.chunks(*script), FrameRelay(hides_usage=True))

    def told(self) -> dict[str, Any]:
        """The error at the end of the stream."""
        error: dict[str, Any] = json.loads(self.exchange.parts[-1].removeprefix(b"data: "))["error"]
        return error


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_nothing_goes_out_before_the_first_whole_event(stage: Stage) -> None:
    with pytest.raises(ProviderError, match="half way"):
        await stage.relay(DELTA[:-1])
    assert (stage.exchange.status, stage.exchange.parts, stage.trail.status) == (0, [], 0)


async def test_a_stream_is_opened_with_what_a_client_and_a_proxy_need(stage: Stage) -> None:
    stage.trail.target = "p/m"
    await stage.relay(DELTA, LAST, DONE)
    headers = stage.exchange.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache", "no")
    assert (headers["x-request-id"], headers["x-aiex-target"]) == ("r1", "p/m")
    assert stage.trail.response_bytes == len(stage.exchange.body)


async def test_an_end_mark_that_a_provider_leaves_out_is_put_in(stage: Stage) -> None:
    await stage.relay(DELTA + LAST)
    assert stage.exchange.body == DELTA + LAST + DONE


async def test_a_stream_that_ends_half_way_is_a_failure_of_the_provider(stage: Stage) -> None:
    with pytest.raises(ProviderError, match="half way"):
        await stage.relay(DELTA)


async def test_tokens_count_though_the_stream_breaks_after_they_were_told(stage: Stage) -> None:
    with pytest.raises(ProviderError):
        await stage.relay(DELTA, USAGE, ProviderError("it broke"))
    assert stage.trail.usage == Usage(5, 2)


async def test_a_failure_is_told_as_the_last_event(stage: Stage) -> None:
    async with stage.client() as client:
        await client.relay(stage.chunks(DELTA, LAST), FrameRelay(hides_usage=True))
        await client.fail(Refusal(502, "provider_failed", "It broke."))
    assert (stage.told()["code"], stage.told()["message"]) == ("provider_failed", "It broke.")


async def test_a_crash_in_the_middle_is_told_without_its_text(stage: Stage) -> None:
    with pytest.raises(ValueError, match="sk-secret"):
        await stage.relay(DELTA, ValueError("sk-secret"))
    assert stage.exchange.body.startswith(DELTA)
    assert stage.told()["code"] == stage.trail.error_code == "internal_error"
    assert "r1" in stage.told()["message"]
    assert b"sk-secret" not in stage.exchange.body


async def test_before_the_stream_is_open_a_crash_is_left_to_the_500_page(stage: Stage) -> None:
    with pytest.raises(ValueError):
        await stage.relay(ValueError())
    assert stage.exchange.status == 0


async def cut_off_while(stage: Stage, asking: "asyncio.Task[None]") -> None:
    await stage.exchange.part_came.wait()
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()


async def forever() -> AsyncIterator[bytes]:
    yield DELTA
    await asyncio.get_running_loop().create_future()


async def relay_forever(stage: Stage, **options: Any) -> None:
    async with stage.client(**options) as client:
        await client.relay(forever(), FrameRelay(hides_usage=True))


async def test_who_is_cut_off_is_told_to_ask_again(stage: Stage) -> None:
    await cut_off_while(stage, asyncio.create_task(relay_forever(stage)))
    assert stage.told()["code"] == stage.trail.error_code == "draining"


async def test_who_has_left_is_told_nothing(stage: Stage) -> None:
    stage.trail.has_lost_client = True
    await cut_off_while(stage, asyncio.create_task(relay_forever(stage)))
    assert stage.exchange.parts == [DELTA]


async def test_a_slow_reader_holds_up_the_provider_and_no_memory(stage: Stage) -> None:
    stage.exchange.stop_reading()
    asking = asyncio.create_task(stage.relay(*[DELTA] * 1000, LAST))
    for _ in range(100):
        await asyncio.sleep(0)
    assert stage.taken_count == 1
    stage.exchange.read_on()
    await asking
    assert stage.exchange.body == DELTA * 1000 + LAST + DONE


async def test_a_client_that_reads_nothing_any_more_is_given_up(stage: Stage) -> None:
    stage.exchange.stop_reading()
    asking = asyncio.create_task(stage.relay(DELTA, LAST, stall_s=0.01))
    await asyncio.wait([asking])
    assert asking.cancelled()
    assert stage.trail.has_lost_client


async def test_a_provider_that_is_slow_is_not_held_against_the_client(stage: Stage) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield DELTA
        await asyncio.sleep(0.05)
        yield LAST

    async with stage.client(stall_s=0.01) as client:
        await client.relay(slow(), FrameRelay(hides_usage=True))
    assert stage.exchange.body == DELTA + LAST + DONE
    assert not stage.trail.has_lost_client


async def test_whatever_a_server_raises_at_a_closed_connection_is_a_client_gone(
    stage: Stage,
) -> None:
    stage.exchange.leave()
    with pytest.raises(ClientGone):
        await stage.relay(DELTA)


async def test_the_last_word_to_who_does_not_read_is_not_waited_for(stage: Stage) -> None:
    asking = asyncio.create_task(relay_forever(stage, stall_s=0.05))
    await stage.exchange.part_came.wait()
    stage.exchange.stop_reading()
    asking.cancel()
    await asyncio.wait([asking])
    assert asking.cancelled()
    assert stage.exchange.parts == [DELTA]


class Outlet:
    async def send_bytes(self, data: bytes) -> None:
        pass


class OneOutlet(MemoryExchange):
    """Forgets the outlet it gave: who else holds it keeps the response open."""

    outlet: "weakref.ref[Outlet]"

    def response_stream(self, status: int, headers: Any) -> Any:
        outlet = Outlet()
        self.outlet = weakref.ref(outlet)
        return outlet


async def test_an_error_that_is_kept_does_not_keep_the_response_open(stage: Stage) -> None:
    exchange = stage.exchange = OneOutlet()
    with pytest.raises(ProviderError) as kept:
        await stage.relay(DELTA, ProviderError("it broke"))
    assert kept.value.__traceback__ is not None
    assert exchange.outlet() is None
