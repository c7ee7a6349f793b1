"""Chats at a node's API at a steady rate, whether it keeps up or not; what came of them is counted.

Small on purpose: a client that costs much would be a fault of its own on a small machine.
"""

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Sequence
from itertools import count
from random import Random
from urllib.parse import urlsplit

import msgspec

from examples.trouble.plan import TrafficPlan
from examples.trouble.shape import Shape

ANSWER_TIMEOUT_S = 30.0
# Requests are sent in handfuls: a timer for each would cost more than the request.
TICK_S = 0.02
IN_FLIGHT_MAX = 3000
RECENT = 2000
LONG_STREAM_TOKENS = 400

type Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Sender(msgspec.Struct, frozen=True):
    """Whose requests these are, and how many."""

    token: str
    rate_per_s: float


class Traffic:
    """`run` until cancelled; `told` says how its requests fare."""

    def __init__(
        self, plan: TrafficPlan, api_url: str, senders: Sequence[Sender], shape: Shape, seed: int
    ) -> None:
        address = urlsplit(api_url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._plan = plan
        self._senders = senders
        self._shape = shape
        self._random = Random(seed)
        self._number = count(1)
        self._idle: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: Counter[str] = Counter()
        self._took_s: deque[float] = deque(maxlen=RECENT)

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for sender in self._senders:
                    tasks.create_task(self._send_all(sender))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for _, writer in self._idle:
                writer.close()

    def told(self) -> str:
        """In a line: how many came back how, and how long the newest took."""
        took_s = sorted(self._took_s) or [0.0]
        shares = ", ".join(f"{number} {name}" for name, number in self._outcomes.most_common())
        p50, p99 = took_s[len(took_s) // 2], took_s[int(len(took_s) * 0.99)]
        return f"{shares or 'nothing'}; p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"

    async def _send_all(self, sender: Sender) -> None:
        due, began_s, last_s = 0.0, time.monotonic(), time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            factor = self._shape.factor(now_s - began_s)
            due += min(now_s - last_s, 1.0) * sender.rate_per_s * factor
            last_s = now_s
            while due >= 1:
                due -= 1
                if len(self._tasks) < IN_FLIGHT_MAX:
                    task = asyncio.create_task(self._chat(sender.token))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _chat(self, token: str) -> None:
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                outcome = await self._exchange(self._request(token))
        except (OSError, asyncio.IncompleteReadError, ValueError):  # a time-out is an OSError
            outcome = "failed"
        self._outcomes[outcome] += 1
        self._took_s.append(time.monotonic() - began_s)

    async def _exchange(self, request: bytes) -> str:
        reader, writer = await self._connection()
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await _read_body(reader, head)
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        status = int(head.split(b" ", 2)[1])
        return "answered" if status == 200 else str(status)

    async def _connection(self) -> Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
        return await asyncio.open_connection(self._host, self._port, limit=2**20)

    def _request(self, token: str) -> bytes:
        is_stream = self._random.random() < max(self._plan.stream_ratio, self._shape.stream_ratio)
        number = next(self._number)
        body = {
            "model": self._random.choice(self._plan.models),
            "messages": [
                {"role": "user", "content": f"question {number} " + "of many words " * 20}
            ],
            "stream": is_stream,
        }
        if is_stream and self._shape.stream_ratio:
            body["max_tokens"] = LONG_STREAM_TOKENS
        text = json.dumps(body).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {self._host}\r\n"
            f"authorization: Bearer {token}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(text)}\r\n\r\n"
        )
        return head.encode() + text


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"chunked" in head:
        while True:
            size = int(await reader.readuntil(b"\r\n"), 16)
            await reader.readexactly(size + 2)
            if size == 0:
                return
    _, _, rest = head.partition(b"content-length:")
    await reader.readexactly(int(rest.split(b"\r\n", 1)[0] or 0))
