"""The real HTTP client on real sockets: each way to fail has an error and a time of its own."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest

from aiex.assistant.provider import ProviderTimeout, ProviderUnreachable
from aiex.assistant.upstream import UpstreamAnswer
from aiex.assistant.upstream_pyreqwest import IDLE_CONNECTIONS_MAX, PyreqwestUpstream
from aiex.errors import ProviderError
from aiex.settings import ProviderSettings
from aiex.testing.http_server import ScriptedServer, http_answer, http_stream

pytestmark = pytest.mark.integration

EVENT = b'data: {"x":1}\n\n'
SHORT_S = 0.2
LONG_S = 20.0
BOTH_WAYS = pytest.mark.parametrize("is_stream", [False, True])


@asynccontextmanager
async def upstream(
    base_url: str = "http://127.0.0.1:1/v1", **timeouts: float
) -> AsyncIterator[Any]:
    long = {f"{name}_timeout_s": LONG_S for name in ("connect", "first_byte", "idle", "total")}
    settings: dict[str, Any] = {**long, **timeouts}
    one = PyreqwestUpstream(
        ProviderSettings(kind="openai", base_url=base_url, **settings), thread_gone=pytest.fail
    )
    try:
        yield one
    finally:
        await one.close()


async def ask(url: str, *, is_stream: bool, **timeouts: float) -> UpstreamAnswer:
    """One POST, read to its end."""
    async with upstream(url, **timeouts) as one:
        if not is_stream:
            answer: UpstreamAnswer = await one.post(url, {"x-a": "b"}, b"question")
            return answer
        async with one.stream(url, {"x-a": "b"}, b"question") as stream:
            body = b"".join([chunk async for chunk in stream.chunks])
        return UpstreamAnswer(stream.status, stream.content_type, stream.retry_after, body)


@contextmanager
def raw_server(*answer: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """A server that writes these parts, however wrong, to one client and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    for part in answer:
                        connection.sendall(part)
                        is_over.wait(pause_s)

        is_over = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        is_over.set()
        thread.join()


@BOTH_WAYS
async def test_a_question_is_posted_and_its_answer_read_as_it_is(is_stream: bool) -> None:
    with ScriptedServer(http_answer(b"\xff\x00answer", 418, "text/odd")) as server:
        answer = await ask(f"{server.url}/v1/x", is_stream=is_stream)
    assert answer == UpstreamAnswer(418, "text/odd", "", b"\xff\x00answer")
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1/x", b"question")
    assert (asked.headers["x-a"], asked.headers["user-agent"]) == ("b", "aiex")
    assert "accept-encoding" not in asked.headers


@BOTH_WAYS
async def test_the_wish_to_wait_is_read(is_stream: bool) -> None:
    answer = b"HTTP/1.1 429 x\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer(answer) as server:
        assert (await ask(server.url, is_stream=is_stream)).retry_after == "17"


@BOTH_WAYS
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_so_no_credential_travels(
    status: int, is_stream: bool
) -> None:
    with ScriptedServer(http_answer(b"")) as elsewhere:
        head = f"HTTP/1.1 {status} x\r\nLocation: {elsewhere.url}/\r\nContent-Length: 0\r\n\r\n"
        with ScriptedServer(head.encode()) as server:
            assert (await ask(server.url, is_stream=is_stream)).status == status
        assert elsewhere.asked == []


@BOTH_WAYS
async def test_nobody_there_is_told_as_unreachable(is_stream: bool) -> None:
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        with pytest.raises(ProviderUnreachable, match=r"cannot be reached: Connection refused\.$"):
            await ask(url, is_stream=is_stream)


@BOTH_WAYS
async def test_a_system_without_authorities_is_told_as_such(
    is_stream: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with pytest.raises(ProviderUnreachable, match="no certificates of authorities: install"):
        await ask("http://127.0.0.1:9/v1", is_stream=is_stream)


async def test_a_name_that_nobody_has_is_told_as_such() -> None:
    with pytest.raises(ProviderUnreachable) as refused:
        await ask("http://no.such.host.invalid/v1", is_stream=False)
    told = str(refused.value)
    assert told.startswith("The provider cannot be reached: ")
    assert "no.such.host" not in told  # whose client may not know where its request goes


@BOTH_WAYS
async def test_a_connection_that_does_not_stand_in_time_is_unreachable(is_stream: bool) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # these fill the queue of who may connect
            one.setblocking(False)
            one.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}/v1"
        began_s = monotonic()
        with pytest.raises(ProviderUnreachable):
            await ask(url, is_stream=is_stream, connect_timeout_s=SHORT_S)
        assert SHORT_S <= monotonic() - began_s < LONG_S / 2
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("is_stream", "timeouts"),
    [
        (False, {"first_byte_timeout_s": SHORT_S}),
        (True, {"first_byte_timeout_s": SHORT_S}),
        (False, {"total_timeout_s": SHORT_S}),
        (True, {"total_timeout_s": SHORT_S}),
    ],
)
async def test_silence_before_the_first_byte_is_a_timeout(
    is_stream: bool, timeouts: dict[str, float]
) -> None:
    with ScriptedServer(None) as server:
        began_s = monotonic()
        with pytest.raises(ProviderTimeout):
            await ask(server.url, is_stream=is_stream, **timeouts)
        assert SHORT_S <= monotonic() - began_s < LONG_S / 2


async def test_silence_in_the_middle_of_a_stream_is_a_timeout() -> None:
    chunks: list[bytes] = []

    async def read(url: str) -> None:
        async with upstream(url, idle_timeout_s=SHORT_S) as one, one.stream(url, {}, b"") as stream:
            async for chunk in stream.chunks:
                chunks.append(chunk)  # noqa: PERF401 - what came before the end counts

    with raw_server(b"".join(http_stream(EVENT)), pause_s=LONG_S) as url:
        began_s = monotonic()
        with pytest.raises(ProviderTimeout, match="fell silent"):
            await read(url)
    assert b"".join(chunks) == EVENT
    assert SHORT_S <= monotonic() - began_s < LONG_S / 2


async def test_a_stream_that_goes_on_is_not_held_to_the_time_of_its_first_byte() -> None:
    parts = [b"".join(http_stream()), *[EVENT] * 5]
    with raw_server(*parts, pause_s=SHORT_S) as url:
        answer = await ask(
            url, is_stream=True, first_byte_timeout_s=2 * SHORT_S, idle_timeout_s=2 * SHORT_S
        )
    assert answer.body == EVENT * 5


async def test_a_stream_without_end_ends_with_the_time_for_the_whole() -> None:
    parts = [b"".join(http_stream()), *[EVENT] * 1000]
    with raw_server(*parts, pause_s=0.02) as url, pytest.raises(ProviderTimeout):
        await ask(url, is_stream=True, total_timeout_s=SHORT_S)


async def test_events_arrive_as_they_are_made() -> None:
    with raw_server(b"".join(http_stream(EVENT)), pause_s=LONG_S) as url:
        async with upstream(url) as one, one.stream(url, {}, b"") as stream:
            async with asyncio.timeout(LONG_S / 2):
                assert await anext(stream.chunks) == EVENT


@BOTH_WAYS
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="another protocol"),
        pytest.param(Random(7).randbytes(2000), id="noise"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half of the headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", id="half of the body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", id="no chunk"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", id="no end"
        ),
    ],
)
async def test_garbage_and_broken_answers_are_a_failure_of_the_provider(
    answer: bytes, is_stream: bool
) -> None:
    with raw_server(answer) as url, pytest.raises(ProviderError, match="connection to the prov"):
        await ask(url, is_stream=is_stream)


async def test_a_stream_that_is_left_early_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"

        def serve() -> bytes:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"".join(http_stream(EVENT)))
                connection.settimeout(LONG_S / 2)
                return connection.recv(1)

        serving = asyncio.create_task(asyncio.to_thread(serve))
        async with upstream(url) as one:
            async with one.stream(url, {}, b"") as stream:
                await anext(stream.chunks)
            assert await serving == b""


async def test_an_error_tells_nothing_of_address_or_headers() -> None:
    with raw_server(b"") as url:
        async with upstream(url) as one:
            with pytest.raises(ProviderError) as failed:
                await one.post(f"{url}?key=sk-secret", {"authorization": "Bearer sk-secret"}, b"")
    assert "secret" not in str(failed.value)
    assert "127.0.0.1" not in str(failed.value)


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with ScriptedServer(http_answer(b"{}")) as server:
        assert (await ask(server.url, is_stream=False)).body == b"{}"


@BOTH_WAYS
async def test_headers_that_are_no_text_are_as_good_as_none(is_stream: bool) -> None:
    head = b"HTTP/1.1 429 x\r\nContent-Type: \xff\xfe\r\nRetry-After: \xff\r\n"
    with raw_server(head + b"Content-Length: 2\r\n\r\n{}") as url:
        assert await ask(url, is_stream=is_stream) == UpstreamAnswer(429, "", "", b"{}")


@pytest.mark.parametrize(
    "framing", [b"Transfer-Encoding: chunked", b"Content-Length: 999999999999"]
)
async def test_a_whole_answer_without_end_is_given_up_at_a_size(framing: bytes) -> None:
    megabyte = bytes(2**20)
    part = b"100000\r\n%s\r\n" % megabyte if b"chunked" in framing else megabyte
    head = b"HTTP/1.1 200 OK\r\n%s\r\n\r\n" % framing
    with raw_server(head, *[part] * 130) as url, pytest.raises(ProviderError, match="larger than"):
        await ask(url, is_stream=False)


@BOTH_WAYS
async def test_a_call_left_before_its_headers_came_ends_at_the_provider(is_stream: bool) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"question")
        asked.set()
        assert await reader.read() == b""
        ended.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        # Only what bounds a silence may end it: the call's whole time is far away.
        call = asyncio.create_task(
            ask(url, is_stream=is_stream, first_byte_timeout_s=SHORT_S, idle_timeout_s=SHORT_S)
        )
        async with asyncio.timeout(LONG_S / 2):
            await asked.wait()
            call.cancel()
            await asyncio.wait([call])
            await ended.wait()
        assert call.cancelled()


async def test_of_a_burst_only_so_many_connections_stay() -> None:
    together = asyncio.Barrier(IDLE_CONNECTIONS_MAX + 8)
    is_as_few = asyncio.Event()
    open_count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_count
        open_count += 1
        try:
            await reader.readuntil(b"question")
            await together.wait()  # so that nobody is served by another's connection
            writer.write(b"HTTP/1.1 200 x\r\nContent-Length: 6\r\n\r\nanswer")
            await reader.read()
        finally:
            writer.close()
            open_count -= 1
            if open_count == IDLE_CONNECTIONS_MAX:
                is_as_few.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with upstream(url) as one:
            asked = [one.post(url, {}, b"question") for _ in range(together.parties)]
            assert {answer.status for answer in await asyncio.gather(*asked)} == {200}
            await is_as_few.wait()
