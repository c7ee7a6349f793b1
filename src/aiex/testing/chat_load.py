"""Threads that keep asking a node's mock, whole and streamed; every failure is kept."""

import json
import threading
from http.client import HTTPConnection, HTTPException
from typing import Any, Self
from urllib.parse import urlsplit

from aiex.testing.node_process import NodeProcess, wait_until

TIMEOUT_S = 10
WAIT_S = 30
THREADS = 4


class ChatLoad:
    """Asks inside the block, each thread over a connection that it keeps."""

    def __init__(self, node: NodeProcess, key: str = "") -> None:
        address = urlsplit(node.api_url)
        self._host, self._port = address.hostname or "", address.port
        self._headers = {"content-type": "application/json"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self.answered = 0
        self.failures: list[str] = []
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(WAIT_S)

    def go_on(self, count: int) -> None:
        """Wait for so many more answers, or a failure."""
        wanted = self.answered + count
        wait_until(lambda: self.answered >= wanted or self.failures, WAIT_S, "more answers")

    def _ask(self) -> None:
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        while not self._is_over.is_set():
            try:
                assert self._whole(connection, "a b") == "a b"
                assert self._streamed(connection, "c d") == "c d"
                self.answered += 1
            except (OSError, HTTPException, ValueError, LookupError, AssertionError) as error:
                self.failures.append(repr(error))
                connection.close()  # the next question opens it again
        connection.close()

    def _whole(self, connection: HTTPConnection, words: str) -> str:
        answer = json.loads(self._answer(connection, words, stream=False))
        return str(answer["choices"][0]["message"]["content"])

    def _streamed(self, connection: HTTPConnection, words: str) -> str:
        *events, last, end = self._answer(connection, words, stream=True).decode().split("\n\n")
        assert (last, end) == ("data: [DONE]", "")
        deltas = [json.loads(one.removeprefix("data: ")) for one in events]
        return "".join(
            one["choices"][0]["delta"].get("content") or "" for one in deltas if one["choices"]
        )

    def _answer(self, connection: HTTPConnection, words: str, **more: Any) -> bytes:
        question = [{"role": "user", "content": f"echo {words}"}]
        body = json.dumps({"model": "mock", "messages": question, **more})
        connection.request("POST", "/v1/chat/completions", body, self._headers)
        with connection.getresponse() as response:
            answer = response.read()
            assert response.status == 200, answer
            return answer
