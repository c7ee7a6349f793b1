"""Requests to the APIs of nodes, one in flight at each, without a pause; every answer is judged.

What may not be answered is said afterwards: a node that was killed at 3 s and ready again at 5 s is
excused in between, and any other request than those has to be answered in time.
"""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import msgspec

from aiex.testing.machine import HttpConnection, Reachable

PATH = "/v1/chat/completions"
# One that hangs is a failure; no node may be that slow, whatever happens to others.
ANSWER_TIMEOUT_S = 5.0
# Between an answer and the next request: enough for faults to meet requests in flight, and the
# machine is there for the nodes.
PAUSE_S = 0.02
STOP_S = 30.0

type Outcome = Literal["answered", "refused", "failed"]


class Answer(msgspec.Struct, frozen=True):
    """What came of one request. Times are of the monotonic clock.

    Refused: nobody listened, or the node said that it takes no requests now. Failed: broken off,
    silent, or wrong.
    """

    node: str
    began_s: float
    took_s: float
    outcome: Outcome
    reason: str = ""

    @property
    def ended_s(self) -> float:
        return self.began_s + self.took_s


class Absence(msgspec.Struct, frozen=True):
    """A time in which a node need not answer."""

    node: str
    from_s: float
    until_s: float

    def excuses(self, answer: Answer) -> bool:
        return (
            answer.node == self.node
            and answer.began_s <= self.until_s
            and answer.ended_s >= self.from_s
        )


def complaints(answers: Sequence[Answer], absences: Sequence[Absence]) -> list[str]:
    """What should have been answered and was not, in words: one line for each node and reason."""
    alike: dict[tuple[str, Outcome, str], list[Answer]] = {}
    for answer in answers:
        if answer.outcome != "answered" and not any(one.excuses(answer) for one in absences):
            alike.setdefault((answer.node, answer.outcome, answer.reason), []).append(answer)
    return [
        f"{node} {outcome} {len(same)} requests from {same[0].began_s:.2f} s to "
        f"{same[-1].ended_s:.2f} s: {reason}"
        for (node, outcome, reason), same in alike.items()
    ]


def counts(answers: Sequence[Answer]) -> str:
    """How many had which outcome, in words; excused or not."""
    outcomes = Counter(answer.outcome for answer in answers)
    return ", ".join(f"{outcomes[one]} {one}" for one in ("answered", "refused", "failed"))


class ApiTraffic:
    """A thread for each node asks again and again; use it in a `with` block."""

    def __init__(self, machines: Mapping[str, Reachable], port: int, key: str, model: str) -> None:
        self._port, self._model = port, model
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._is_over = threading.Event()
        self._answers: dict[str, list[Answer]] = {name: [] for name in machines}
        self._threads = [
            threading.Thread(target=self._ask, args=(name, machine), name=f"traffic to {name}")
            for name, machine in machines.items()
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(STOP_S)

    def answers(self, since_s: float = 0.0) -> list[Answer]:
        """All to requests begun since then, those of one node in their order."""
        # A list only grows, and only its own thread adds to it.
        return [
            answer
            for answers in self._answers.values()
            for answer in list(answers)
            if answer.began_s >= since_s
        ]

    def _ask(self, name: str, machine: Reachable) -> None:
        connection = HttpConnection(machine, self._port, ANSWER_TIMEOUT_S)
        answers = self._answers[name]
        while not self._is_over.wait(PAUSE_S):
            began_s = time.monotonic()
            outcome, reason = self._ask_once(connection, f"{name} {len(answers)}")
            took_s = time.monotonic() - began_s
            answers.append(Answer(name, began_s, took_s, outcome, reason))
            if outcome != "answered":
                connection.close()
        connection.close()

    def _ask_once(self, connection: http.client.HTTPConnection, text: str) -> tuple[Outcome, str]:
        message = {"role": "user", "content": f"echo {text}"}
        body = json.dumps({"model": self._model, "messages": [message]})
        try:
            connection.request("POST", PATH, body, self._headers)
            answer = connection.getresponse()
            content = answer.read()
        except ConnectionRefusedError:
            return "refused", "nobody listens"
        except (OSError, http.client.HTTPException) as error:
            return "failed", repr(error)
        return judge(answer.status, content, text)


def judge(status: int, content: bytes, text: str) -> tuple[Outcome, str]:
    """What an answer to `echo <text>` is worth."""
    told = f"{status}: {content[:300].decode(errors='replace')}"
    if status in (429, 503):
        return "refused", told
    try:
        said = json.loads(content)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return "failed", told
    return ("answered", "") if (status, said) == (200, text) else ("failed", told)
