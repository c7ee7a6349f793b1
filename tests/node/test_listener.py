"""A listener on real sockets: a port is its own or refused, and a stop lets requests finish."""

import asyncio
import errno
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiex.errors import CredentialsMissing, ListenerGone, PortBusy, StartError
from aiex.node.listener import KEEP_ALIVE_S, Listener
from aiex.node.port import bind, listening
from aiex.settings import Settings

pytestmark = pytest.mark.integration

DEADLINE_S = 20.0


class App:
    """Answers `ok`; a request for /slow waits until it is let go."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.tasks: set[asyncio.Task[Any] | None] = set()

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        self.tasks.add(asyncio.current_task())
        self.asked.set()
        if scope["path"] == "/slow":
            await self.go_on.wait()
        headers = [(b"content-length", b"2"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    def cut_off(self) -> int:
        for task in self.tasks:
            if task is not None:
                task.cancel()
        return len(self.tasks)


def listener(app: App, *, host: str = "127.0.0.1", port: int = 0, **options: Any) -> Listener:
    return Listener(
        "http.test",
        app,
        interface="asgi",
        host=host,
        port=port,
        **{"drain_s": lambda: DEADLINE_S, **options},
    )


@asynccontextmanager
async def running(one: Listener) -> AsyncIterator["asyncio.Task[None]"]:
    """Until the block ends; raises what keeps it from starting."""
    ready = asyncio.Event()
    task = asyncio.create_task(one.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=DEADLINE_S)


async def fetch(port: int, path: str = "/", host: str = "127.0.0.1") -> bytes:
    """Everything that comes back, until the connection ends."""
    async with asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_once_ready_it_answers_where_it_says() -> None:
    one = listener(App())
    async with running(one):
        assert one.url == f"http://127.0.0.1:{one.port}"
        assert (await fetch(one.port)).endswith(b"ok")
    assert not is_open(one.port)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nhost: te"])
async def test_who_says_nothing_for_too_long_is_closed(sent: bytes) -> None:
    async with running(one := listener(App(), keep_alive_s=0.2)), asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n" + sent)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")  # and then the end
        writer.close()


def test_idle_connections_outlive_those_of_load_balancers() -> None:
    assert KEEP_ALIVE_S == Settings().api.keep_alive_s > 60


async def test_run_again_it_comes_back_on_the_same_port() -> None:
    one = listener(App())
    ports = []
    for _ in range(2):
        async with running(one):
            ports.append(one.port)
            assert (await fetch(one.port)).endswith(b"ok")
    assert ports[0] == ports[1] != 0


async def test_a_server_that_ended_without_a_word_is_told_and_run_again_it_answers(
    free_port: int,
) -> None:
    one = listener(App(), shared_port=free_port)
    async with running(one) as task:
        for descriptor in listening(one.port):  # as when its thread has ended
            with socket.socket() as closed:
                os.dup2(closed.fileno(), descriptor)
        await asyncio.wait([task], timeout=DEADLINE_S)
        assert isinstance(task.exception(), ListenerGone)
        assert not is_open(free_port)
    async with running(one):
        assert (await fetch(one.port)).endswith(b"ok")


PANICS = """
import asyncio, os
from pathlib import Path
from aiex.node.listener import Listener

async def app(*_): ...

def descriptors(kind):
    found = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return {int(one.name) for one in found if kind in os.readlink(one)}

async def panic():
    before = descriptors("event")
    ready = asyncio.Event()
    one = Listener("http.test", app, interface="asgi", host="127.0.0.1", port=0, drain_s=lambda: 0)
    serving = asyncio.create_task(one.run(ready.set))
    await ready.wait()
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(b"nothing\\r\\n\\r\\n")
    await reader.read()  # its thread runs by now
    writer.close()
    no_epoll, _ = os.pipe()
    for descriptor in descriptors("eventpoll") - before:
        os.dup2(no_epoll, descriptor)
    for descriptor in descriptors("eventfd") - before:
        os.eventfd_write(descriptor, 1)  # it waits again, for what cannot be waited for
    await serving

asyncio.run(panic())
"""


@pytest.mark.platform_specific
def test_a_panic_in_the_servers_thread_ends_the_process_in_words() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PANICS],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == -signal.SIGABRT
    assert "unexpected error when polling the I/O driver" in done.stderr


async def test_a_name_is_listened_on_at_its_address() -> None:
    one = listener(App(), host="localhost")
    async with running(one):
        assert one.url == f"http://localhost:{one.port}"
        assert (await fetch(one.port, host="localhost")).endswith(b"ok")


def test_a_port_for_root_only_is_told_to_be_one() -> None:
    class Refusing(socket.socket):
        def bind(self, _: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    with Refusing() as sock, pytest.raises(StartError, match="above 1023") as refused:
        bind(sock, ("127.0.0.1", 80), "127.0.0.1:80")
    assert not isinstance(refused.value, PortBusy)


@pytest.fixture
def free_port() -> int:
    """Free now; below those that outgoing connections get, so that it stays so."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    pytest.fail("no port is free")


class Counting(App):
    """Counts the requests that it answers."""

    count = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.count += 1
        await super().__call__(scope, receive, send)


async def test_a_shared_port_is_answered_by_all_who_share_it(free_port: int) -> None:
    apps = Counting(), Counting()
    first, second = (listener(app, shared_port=free_port) for app in apps)
    async with running(first), running(second):
        assert first.shared_url == second.shared_url == f"http://127.0.0.1:{free_port}"
        assert first.port != second.port
        for _ in range(60):
            assert (await fetch(free_port)).endswith(b"ok")
        counts = [app.count for app in apps]
        assert sum(counts) == 60
        assert min(counts) > 5, counts
        assert (await fetch(first.port)).endswith(b"ok")
        assert apps[0].count == counts[0] + 1
    assert not is_open(free_port)


async def test_who_leaves_a_shared_port_goes_on_at_its_own_and_finishes_what_it_has(
    free_port: int,
) -> None:
    app, other = App(), Counting()
    leaving = listener(app, shared_port=free_port)
    async with running(leaving):
        request = asyncio.create_task(fetch(free_port, "/slow"))
        async with asyncio.timeout(DEADLINE_S):
            await app.asked.wait()
        async with running(listener(other, shared_port=free_port)):
            await leaving.leave_shared_port()
            await leaving.leave_shared_port()
            assert _listening_count(free_port) == 1
            for _ in range(30):
                assert (await fetch(free_port)).endswith(b"ok")
            assert other.count == 30
            assert (await fetch(leaving.port)).endswith(b"ok")
            app.go_on.set()
            assert (await request).endswith(b"ok")


async def test_nodes_that_come_and_go_lose_no_request_of_a_shared_port(free_port: int) -> None:
    answers: list[bytes] = []
    is_over = False

    async def client() -> None:
        while not is_over:
            answers.append(await fetch(free_port))

    async with running(listener(App(), shared_port=free_port)):
        clients = [asyncio.create_task(client()) for _ in range(16)]
        for _ in range(8):
            async with running(listener(App(), shared_port=free_port)):
                begun = len(answers)
                await _until(lambda: len(answers) > begun + 50)  # noqa: B023
        is_over = True
        await asyncio.wait(clients)
    for one in clients:
        one.result()
    assert all(answer.endswith(b"ok") for answer in answers)


def _listening_count(port: int) -> int:
    listening = f":{port:04X} 00000000:0000 0A"
    return Path("/proc/net/tcp").read_text().count(listening)


async def test_a_shared_port_of_somebody_who_does_not_share_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortBusy, match=f"Cannot share 127.0.0.1:{port}: Address already"):
            await listener(App(), shared_port=port).run(pytest.fail)


@pytest.mark.platform_specific
@pytest.mark.needs_root
async def test_a_shared_port_of_another_user_is_refused(free_port: int) -> None:
    script = (
        "import os, socket, sys; os.setuid(12345); s = socket.socket();"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1);"
        f"s.bind(('127.0.0.1', {free_port})); s.listen(); print(flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-I", "-S", "-c", script]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(PortBusy, match="is another user's"):
            await listener(App(), shared_port=free_port).run(pytest.fail)
        other.stdin.close()


async def test_an_ipv6_address_stands_in_brackets() -> None:
    one = listener(App(), host="::1")
    async with running(one):
        assert one.url == f"http://[::1]:{one.port}"
        assert (await fetch(one.port, host="::1")).endswith(b"ok")


async def test_two_listeners_do_not_share_a_port() -> None:
    async with running(first := listener(App())):
        with pytest.raises(PortBusy, match=f"127.0.0.1:{first.port}: Address already in use"):
            await listener(App(), port=first.port).run(pytest.fail)
        assert (await fetch(first.port)).endswith(b"ok")


@pytest.mark.parametrize("is_shared", [True, False])
async def test_a_port_of_somebody_else_is_refused_though_they_would_share_it(
    is_shared: bool,
) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, is_shared)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortBusy, match="choose another port"):
            await listener(App(), port=other.getsockname()[1]).run(pytest.fail)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "300.0.0.1", "node..example", "a" * 300])
async def test_an_address_that_is_none_is_told(host: str) -> None:
    with pytest.raises(StartError, match="cannot be resolved"):
        await listener(App(), host=host).run(pytest.fail)


async def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(StartError, match="No network interface here has this") as refused:
        await listener(App(), host="192.0.2.1", port=0).run(pytest.fail)
    assert not isinstance(refused.value, PortBusy)


async def test_what_the_check_raises_keeps_the_door_shut() -> None:
    def refuse() -> None:
        raise CredentialsMissing

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(CredentialsMissing):
        await listener(App(), port=port, check=refuse).run(pytest.fail)
    assert not is_open(port)


@asynccontextmanager
async def slow_request(app: App, one: Listener) -> AsyncIterator["asyncio.Task[bytes]"]:
    """A request that was taken and is not answered yet."""
    request = asyncio.create_task(fetch(one.port, "/slow"))
    async with asyncio.timeout(DEADLINE_S):
        app.asked.clear()
        await app.asked.wait()
    yield request


async def test_a_stop_lets_a_request_finish_and_takes_no_new_one() -> None:
    app = App()
    async with running(one := listener(app)) as task, slow_request(app, one) as request:
        task.cancel()
        await _until(lambda: not is_open(one.port))
        assert not task.done()
        app.go_on.set()
        assert (await request).endswith(b"ok")
        await asyncio.wait([task], timeout=DEADLINE_S)
        assert task.cancelled()


async def test_what_does_not_finish_in_time_is_cut_off_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = App()
    one = listener(app, drain_s=lambda: 0.05, cut_off=app.cut_off)
    async with running(one) as task, slow_request(app, one) as request:
        task.cancel()
        await asyncio.wait([task], timeout=DEADLINE_S)
        assert task.cancelled()
        assert not (await request).endswith(b"ok")
    assert "http.test: cut off 1 requests after 0 s" in caplog.messages


async def _until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not is_true():
            await asyncio.sleep(0.005)
