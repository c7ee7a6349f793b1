"""The one conversation a benchmark of the gateway sends, and the proof that answers are right."""

import json
from http.client import HTTPConnection
from typing import Any

from rig.errors import Refused

KEY = "sk-bench-5f2d0c1e9a7b4386"
MODEL = "bench"
PATH = "/v1/chat/completions"
ANSWER_S = 30.0
# What the load generator looks for in every single answer.
EXPECTED_JSON = "keeps the rest busy"
EXPECTED_STREAM = "[DONE]"

_PERSONA = (
    "You are a helpful assistant of a platform team. Answer briefly, in plain words, and say so "
    "when you do not know. Never invent names of people, products or commands, and "
    "give the source of every figure. Prefer one example to three rules. "
)
_QUESTION = (
    "We run three web servers behind one address and have had two outages this month. What does a "
    "load balancer do, how would it have noticed the server that failed, and what should we "
    "measure first?"
)


def body(*, is_stream: bool) -> bytes:
    """A chat request of typical size: about 600 bytes."""
    fields: dict[str, Any] = {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": _PERSONA},
            {"role": "user", "content": _QUESTION},
        ],
        "temperature": 0.7,
        "max_tokens": 256,
        "user": "team-platform",
    }
    if is_stream:
        fields["stream"] = True
    return json.dumps(fields).encode()


def request(*, is_stream: bool) -> bytes:
    """The same as the bytes of an HTTP request, as the load generator sends it."""
    content = body(is_stream=is_stream)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def ask(port: int, *, is_stream: bool, key: str | None = KEY) -> tuple[int, str]:
    """Status and body of one answer from the gateway at `port`."""
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("POST", PATH, body(is_stream=is_stream), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def json_content(answer: str) -> tuple[str, int]:
    """Text and token count of a JSON answer."""
    fields = json.loads(answer)
    return fields["choices"][0]["message"]["content"], fields["usage"]["total_tokens"]


def stream_contents(answer: str) -> list[str]:
    """The text of each event of a stream that carries any; raises `Refused` unless it is whole."""
    events = [line[6:] for line in answer.splitlines() if line.startswith("data: ")]
    if not events or events[-1] != EXPECTED_STREAM:
        raise Refused(f"a stream did not end with {EXPECTED_STREAM}")
    choices = [choice for event in events[:-1] for choice in json.loads(event)["choices"]]
    return [text for choice in choices if (text := choice["delta"].get("content"))]


def prove_right(name: str, port: int, *, upstream_port: int, asks_key: bool) -> None:
    """Raises `Refused` unless the gateway hands on what the upstream says, to key holders."""
    for is_stream in (False, True):
        _, truth = ask(upstream_port, is_stream=is_stream)
        status, answer = ask(port, is_stream=is_stream)
        if status != 200:
            raise Refused(f"{name} answers {status}: {answer[:200]}")
        content = stream_contents if is_stream else json_content
        if content(answer) != content(truth):
            raise Refused(f"{name} does not hand on what the upstream said: {answer[:200]}")
    if asks_key and ask(port, is_stream=False, key=None)[0] == 200:
        raise Refused(f"{name} answers without a key: it does less work than it should")
