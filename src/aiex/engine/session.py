"""One connection to one NATS server, from connect to its end; then a new one is made.

The client library can reconnect by itself, and we do not let it. What it keeps across a reconnect
are the troubles: publishes of callers who have long given up are sent late, subscriptions come back
without what was missed, and a late answer to a ping that timed out ends its reading for good, with
the socket open. A session that ended never answers again, and everybody who used it knows at once.
"""

import asyncio
import contextlib
import importlib
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from aiex.engine.address import EngineAddress
from aiex.engine.connect_failure import failure, phrase, tls_context
from aiex.engine.engine_tls import SpeaksNoTls, end_with_tls, only_with_tls, shown_certificate
from aiex.engine.header_lines import header_lines
from aiex.engine.server_probe import login_refusal
from aiex.errors import EngineRefused, EngineUnavailable

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

CLOSE_TIMEOUT_S = 1.0
# Messages an inbox holds before it stops taking more from the client, which holds some itself.
INBOX_LEN_MAX = 1024

_log = logging.getLogger("aiex.engine.connection")


class Message(msgspec.Struct, frozen=True, gc=False):
    subject: str
    reply: str
    headers: Mapping[str, str]
    data: bytes

    @property
    def status(self) -> str:
        """The status of a message that the server itself wrote; empty for others."""
        return self.headers.get("Status", "")


class NotDone(EngineUnavailable):
    """The engine did not do it, and will not: it was not reached, or said so."""


class NobodyAnswers(NotDone):
    """The engine runs, and nothing in it takes this request; JetStream may still be starting."""


class NoAnswer(EngineUnavailable):
    """Nobody answered within the deadline; what was asked may have been done."""


class Session:
    """Made by `open`. Every call has a deadline; `EngineUnavailable` says why it was not met."""

    def __init__(self, client: "Client", server_version: str) -> None:
        self._client = client
        self.server_version = server_version
        self.end_reason = ""
        self._ended = asyncio.Event()
        self._deadlines: set[asyncio.Timeout] = set()
        self._inboxes: set[Inbox] = set()

    @classmethod
    async def open(cls, address: EngineAddress, timeout_s: float) -> "Session":
        """A connected session.

        Raises `EngineUnavailable` when nobody answers in time, `EngineRefused` when the server does
        not accept us.
        """
        library = await asyncio.to_thread(importlib.import_module, "nats.aio.client")
        # What it logs as errors are, here, facts of life that `EngineDown` tells.
        logging.getLogger("nats").setLevel(logging.CRITICAL)
        tls = None if address.tls is None else await tls_context(address)
        client: Client = library.Client()
        # The library's own is slow. It is not public: under another name it would be used again.
        client._parse_header_lines = header_lines  # type: ignore[method-assign]
        if tls is not None:
            client._process_info = only_with_tls(client._process_info)  # type: ignore[method-assign]
        failures: list[Exception] = []
        session = cls(client, "")

        async def note_failure(error: Exception) -> None:
            failures[:] = [error]
            _log.debug("the client reports %r", error)

        async def note_closed() -> None:
            session.end("the connection was lost")

        try:
            async with asyncio.timeout(timeout_s):
                await client.connect(
                    address.url,
                    user=address.user or None,
                    password=address.password or None,
                    name="aiex",
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0.05,  # type: ignore[arg-type] # seconds; it sleeps them
                    connect_timeout=timeout_s,  # type: ignore[arg-type] # likewise
                    ping_interval=2,
                    max_outstanding_pings=2,
                    error_cb=note_failure,
                    closed_cb=note_closed,
                    tls=tls,
                    tls_hostname=address.host if tls is not None else None,
                )
        except (OSError, library.errors.Error, ValueError, SpeaksNoTls) as error:
            await _close(client)
            cause = failures[0] if failures else error
            if isinstance(cause, ConnectionResetError | BrokenPipeError):
                # A server that refuses us hangs up, often before the client has read its words.
                cause = await _refusal(address, timeout_s) or cause
            raise await failure(address, cause, timeout_s) from error
        except BaseException:
            await _close(client)
            raise
        if tls is not None:
            end_with_tls(client._transport)
        version = client.connected_server_version
        session.server_version = f"{version.major}.{version.minor}.{version.patch or 0}"
        return session

    @property
    def is_clustered(self) -> bool:
        """Whether the server is one among others; such a one has JetStream only with a quorum."""
        return bool(self._client._server_info.get("cluster"))

    @property
    def server_id(self) -> str:
        """What the server calls itself for as long as it runs."""
        return str(self._client._server_info["server_id"])

    @property
    def server_certificate(self) -> bytes:
        """What the server showed, in DER form; empty without TLS."""
        return shown_certificate(self._client._transport)

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    async def until_ended(self) -> None:
        await self._ended.wait()

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> Message:
        """The answer; raises `NobodyAnswers` when nothing listens there.

        Without an answer the request may have been carried out all the same.
        """
        self._check_size(payload, headers)
        async with self._guarded(timeout_s):
            answer = await self._client.request(
                subject,
                payload,
                timeout=timeout_s + 1.0,  # never reached: the guard is earlier
                headers=dict(headers) if headers else None,
            )
            return _message(answer)

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        reply: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> None:
        """Hand a message to the connection; nothing says whether it arrived."""
        self._check_size(payload, headers)
        async with self._guarded(timeout_s):
            await self._client.publish(
                subject, payload, reply=reply, headers=dict(headers) if headers else None
            )

    @asynccontextmanager
    async def inbox(self, timeout_s: float) -> AsyncIterator["Inbox"]:
        """An address of our own and what is sent to it, until the block ends."""
        async with self.subscribed(self._client.new_inbox(), timeout_s=timeout_s) as inbox:
            yield inbox

    @asynccontextmanager
    async def subscribed(self, *subjects: str, timeout_s: float) -> AsyncIterator["Inbox"]:
        """What is sent to any of the subjects, in one inbox, until the block ends."""
        inbox = Inbox(subjects[0], self)
        subscriptions: list[Subscription] = []
        try:
            async with self._guarded(timeout_s):
                for subject in subjects:
                    subscription = await self._client.subscribe(subject, cb=inbox.take)
                    subscriptions.append(subscription)
            self._inboxes.add(inbox)
            yield inbox
        finally:
            self._inboxes.discard(inbox)
            for subscription in subscriptions:
                await self._unsubscribe(subscription)

    def end(self, reason: str) -> None:
        """No more: whoever waits gets `EngineUnavailable` with the reason now."""
        if self._ended.is_set():
            return
        self.end_reason = reason
        self._ended.set()
        now_s = asyncio.get_running_loop().time()
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(now_s)
        for inbox in self._inboxes:
            inbox.end()

    async def close(self, drain_s: float = 0.0) -> None:
        """Let requests under way finish for up to `drain_s`, then disconnect."""
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + drain_s
        # It ends on three things, one of them time: an event would not be simpler.
        while self._deadlines and not self.has_ended and loop.time() < give_up_at_s:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.end("the connection was closed")
        await _close(self._client)

    @asynccontextmanager
    async def _guarded(self, timeout_s: float) -> AsyncIterator[None]:
        """Turns what the client raises, and the end of the session, into our errors."""
        if self.has_ended:
            raise NotDone(_unavailable_text(self.end_reason))
        from nats import errors  # imported long since, by `open`

        task = asyncio.current_task()
        cancels_before = task.cancelling() if task is not None else 0
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                self._deadlines.add(deadline)
                try:
                    yield
                finally:
                    self._deadlines.discard(deadline)
        except TimeoutError as error:
            _raise_if_cancelled(task, cancels_before)
            if self.end_reason:
                raise _unavailable(self.end_reason) from error
            raise NoAnswer(
                _unavailable_text(f"it gave no answer within {timeout_s:g} s")
            ) from error
        except errors.NoRespondersError as error:
            raise NobodyAnswers from error
        except (errors.Error, OSError) as error:
            _raise_if_cancelled(task, cancels_before)
            if self._client.is_closed:
                self.end("the connection was lost")
            raise _unavailable(self.end_reason or phrase(error)) from error
        _raise_if_cancelled(task, cancels_before)

    def _check_size(self, payload: bytes, headers: Mapping[str, str] | None) -> None:
        # The client leaves the headers out of its own check, and a server that gets a message too
        # large closes the connection, everybody's requests with it.
        size_bytes = len(payload)
        if headers:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            size_bytes += len(f"NATS/1.0\r\n{lines}\r\n".encode())
        if size_bytes > self._client.max_payload:
            raise EngineRefused("The value is larger than a message of the engine may be.")

    async def _unsubscribe(self, subscription: "Subscription") -> None:
        from nats import errors

        # On an ended session there is nothing to tell the server; the task is gone with the close.
        with contextlib.suppress(errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await subscription.unsubscribe()


class Inbox:
    """What was sent to one subject or several, in order; `subject` is the first."""

    def __init__(self, subject: str, session: Session) -> None:
        self.subject = subject
        self._session = session
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(INBOX_LEN_MAX)

    async def take(self, message: "Msg") -> None:
        """Called by the client; waiting here makes it keep the following messages itself."""
        await self._messages.put(_message(message))

    async def next(self, timeout_s: float) -> Message:
        """The next message; raises `TimeoutError` on silence, `EngineUnavailable` at the end."""
        if self._session.has_ended and self._messages.empty():
            raise _unavailable(self._session.end_reason)
        async with asyncio.timeout(timeout_s):
            message = await self._messages.get()
        if message is None:
            raise _unavailable(self._session.end_reason)
        return message

    def end(self) -> None:
        """Wake who waits. A full inbox has nobody waiting, and is read to its end first."""
        if not self._messages.full():
            self._messages.put_nowait(None)


def _message(message: "Msg") -> Message:
    return Message(message.subject, message.reply, message.headers or {}, message.data)


def _unavailable(reason: str) -> EngineUnavailable:
    return EngineUnavailable(_unavailable_text(reason))


def _unavailable_text(reason: str) -> str:
    return f"The engine does not answer: {reason}."


async def _refusal(address: EngineAddress, timeout_s: float) -> Exception | None:
    from nats import errors

    try:
        words = await login_refusal(address, timeout_s)
    except ssl.SSLError as error:
        return error
    return errors.Error(words) if words else None


def _raise_if_cancelled(task: "asyncio.Task[object] | None", cancels_before: int) -> None:
    # The client swallows a cancellation that meets it while it flushes; the caller must not.
    if task is not None and task.cancelling() > cancels_before:
        raise asyncio.CancelledError


async def _close(client: "Client") -> None:
    """Disconnect, whatever state the client is in.

    Its own `close` waits for a frozen server to take what is still to be sent, and leaves its tasks
    running when that fails. So it gets a deadline, and then its parts are ended by hand. The price:
    these are private names of nats-py 2.16.
    """
    from nats import errors

    with contextlib.suppress(errors.Error, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await client.close()
    tasks = [client._reading_task, client._ping_interval_task, client._flusher_task]
    tasks += [subscription._wait_for_msgs_task for subscription in client._subs.values()]
    for task in tasks:
        if task is not None and task is not asyncio.current_task():
            task.cancel()
    writer = getattr(client._transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()
