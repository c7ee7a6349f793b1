"""Asks a service for chats, half of them streams, and tells each second how they went.

It runs as a Pod of the aiex image, from a ConfigMap: Python's standard library and nothing else,
no shell. Each line is one JSON object. SIGTERM ends it: requests in flight finish, then it says
`ended`.

    {"event": "second", "at": 1.0, "answered": 41, "failed": 0, "unconnected": 0, "open": 7}
    {"event": "failed", "began": 1.2, "ended": 1.9, "open": 7, "kind": "stream", "reason": "…"}
    {"event": "ended", "answered": 812, "failed": 1, "untold": 0, "unconnected": 3, …}

Seconds are counted from the start. A request whose connection was never made was sent to nobody:
it is tried again, as HTTP clients do, and `unconnected` counts those tries. What was sent is never
sent again: it is answered in full or it failed.
"""

import argparse
import http.client
import itertools
import json
import os
import select
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from collections import Counter
from types import FrameType

PATH = "/v1/chat/completions"
CONNECT_TIMEOUT_S = 3.0
CONNECT_PATIENCE_S = 20.0  # how long a request is tried to be brought to anybody
CONNECT_PAUSE_S = 0.05
SILENCE_S = 30.0  # longest wait for the next bytes of an answer
# A connection goes to one pod for all its life; renewed, it finds those that came later.
REQUESTS_PER_CONNECTION = 10
PAUSE_S = 0.05  # of one asker between an answer and its next request
FAILURES_TOLD_MAX = 1000  # a kubelet keeps 10 MiB of a log; failures beyond are only counted


class Unconnected(Exception):
    """Nobody took the connection within the patience."""


class Tally:
    """What came of the requests so far. Its own lock guards it; askers are threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began_s = time.monotonic()
        self._open_count = self._failed_count = self._told_count = self._unconnected_count = 0
        self._millis: Counter[int] = Counter()  # answers by how long they took

    def now_s(self) -> float:
        return time.monotonic() - self._began_s

    def opened(self) -> float:
        with self._lock:
            self._open_count += 1
        return self.now_s()

    def unconnected(self) -> None:
        with self._lock:
            self._unconnected_count += 1

    def answered(self, began_s: float) -> None:
        with self._lock:
            self._open_count -= 1
            self._millis[round((self.now_s() - began_s) * 1000)] += 1

    def failed(self, began_s: float, kind: str, reason: str) -> None:
        with self._lock:
            open_count, self._open_count = self._open_count, self._open_count - 1
            self._failed_count += 1
            if self._told_count < FAILURES_TOLD_MAX:
                self._told_count += 1
                tell(
                    event="failed",
                    began=round(began_s, 3),
                    ended=round(self.now_s(), 3),
                    open=open_count,
                    kind=kind,
                    reason=reason[:300],
                )

    def tell_second(self) -> None:
        with self._lock:
            tell(event="second", at=round(self.now_s(), 3), open=self._open_count, **self._sums())

    def tell_ended(self) -> None:
        with self._lock:
            tell(
                event="ended",
                at=round(self.now_s(), 3),
                open=self._open_count,
                untold=self._failed_count - self._told_count,
                p50_ms=self._millis_at(0.5),
                p99_ms=self._millis_at(0.99),
                **self._sums(),
            )

    def _sums(self) -> dict[str, int]:
        return {
            "answered": self._millis.total(),
            "failed": self._failed_count,
            "unconnected": self._unconnected_count,
        }

    def _millis_at(self, share: float) -> int:
        below = 0
        for millis, count in sorted(self._millis.items()):
            below += count
            if below >= share * self._millis.total():
                return millis
        return 0


class Asker:
    """One client: a connection that is kept for some requests, then renewed."""

    def __init__(self, url: str, key: str, model: str, tally: Tally, number: int) -> None:
        self._url = urllib.parse.urlsplit(url)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._model, self._tally, self._number = model, tally, number
        self._connection: http.client.HTTPConnection | None = None
        self._asked_count = 0

    def ask(self, *, is_stream: bool) -> None:
        """One request, told to the tally whatever came of it."""
        text = f"{self._number} {self._asked_count}"
        self._asked_count += 1
        began_s = self._tally.opened()
        kind = "stream" if is_stream else "whole"
        try:
            complaint = self._answer(text, is_stream=is_stream)
        except (OSError, http.client.HTTPException, Unconnected) as error:
            complaint = repr(error)
        if complaint:
            self._close()
            self._tally.failed(began_s, kind, complaint)
            return
        self._tally.answered(began_s)
        if self._asked_count % REQUESTS_PER_CONNECTION == 0:
            self._close()

    def _answer(self, text: str, *, is_stream: bool) -> str:
        connection = self._connected()
        message = {"role": "user", "content": f"echo {text}"}
        body = {"model": self._model, "messages": [message], "stream": is_stream}
        connection.request("POST", PATH, json.dumps(body), self._headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.will_close:
            self._close()
        if answer.status != 200:
            return f"status {answer.status}: {content[:200].decode(errors='replace')}"
        said = streamed(content) if is_stream else whole(content)
        return "" if said == text else f"a wrong answer: {content[-200:].decode(errors='replace')}"

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is not None and not self._is_closed_by_peer():
            return self._connection
        self._close()
        until_s = time.monotonic() + CONNECT_PATIENCE_S
        while True:
            connection = self._new_connection()
            try:
                connection.connect()
            except OSError as error:
                connection.close()
                self._tally.unconnected()
                if time.monotonic() > until_s:
                    raise Unconnected(f"nobody took the connection: {error}") from error
                time.sleep(CONNECT_PAUSE_S)
                continue
            connection.sock.settimeout(SILENCE_S)
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
            return connection

    def _new_connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context(cafile=os.environ.get("LOAD_CA_FILE"))
            return http.client.HTTPSConnection(
                host, port, timeout=CONNECT_TIMEOUT_S, context=context
            )
        return http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT_S)

    def _is_closed_by_peer(self) -> bool:
        """Whether something came unasked: the connection's end, which HTTP clients notice too."""
        assert self._connection is not None, "there is one"
        readable, _, _ = select.select([self._connection.sock], [], [], 0)
        return bool(readable)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def whole(content: bytes) -> str | None:
    """What an answer that is no stream says; None when it is none."""
    try:
        said = json.loads(content)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return None
    return said if isinstance(said, str) else None


def streamed(content: bytes) -> str | None:
    """What a stream says that came to its end; None when it broke off or is none."""
    events = [line[6:] for line in content.decode(errors="replace").splitlines() if line]
    if not events or events[-1] != "[DONE]":
        return None
    try:
        choices = [choice for event in events[:-1] for choice in json.loads(event)["choices"]]
        return "".join(choice["delta"].get("content") or "" for choice in choices)
    except (ValueError, LookupError, TypeError):
        return None


def tell(**line: object) -> None:
    print(json.dumps(line), flush=True)


def ask_until(is_over: threading.Event, asker: Asker, *, is_stream: bool) -> None:
    while not is_over.is_set():
        asker.ask(is_stream=is_stream)
        is_over.wait(PAUSE_S)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Load for an acceptance test.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--askers", type=int, default=12)
    options = parser.parse_args(arguments)
    is_over = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        is_over.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    tally = Tally()
    key = os.environ.get("LOAD_KEY", "")
    askers = [Asker(options.url, key, options.model, tally, one) for one in range(options.askers)]
    threads = [
        threading.Thread(target=ask_until, args=(is_over, asker), kwargs={"is_stream": is_stream})
        for asker, is_stream in zip(askers, itertools.cycle((True, False)), strict=False)
    ]
    for thread in threads:
        thread.start()
    while not is_over.wait(1.0):
        tally.tell_second()
    for thread in threads:
        thread.join()
    tally.tell_ended()


if __name__ == "__main__":
    main(sys.argv[1:])
