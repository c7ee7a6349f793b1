"""Clients that send what no client should: each is told so or shut out, and nobody else notices."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from aiex.testing.node_process import MOCK_ONLY, NodeProcess

pytestmark = pytest.mark.fault

PATIENCE_S = 15.0
BODY_TIMEOUT_S = 1.0
HEADERS_TIMEOUT_S = 5.0
LOOK_AT_BYTES = 64 * 1024
QUESTION = b'{"model":"mock","messages":[{"role":"user","content":"hi"}]}'
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n"
CLOSED = 0  # no answer, the connection was closed


class Heard(NamedTuple):
    """What a raw connection gave until the server closed it; `status` 0 is no answer at all."""

    status: int
    answer_count: int
    text: bytes


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    settings = (
        *MOCK_ONLY,
        f"--set=api.body_timeout_s={BODY_TIMEOUT_S}",
        f"--set=api.keep_alive_s={HEADERS_TIMEOUT_S}",
    )
    with NodeProcess(tmp_path_factory.mktemp("node"), settings) as node:
        yield node.ready()


@pytest.fixture(autouse=True)
def nobody_else_notices(node: NodeProcess) -> Iterator[None]:
    """After every test the node answers, and none of its requests crashed."""
    yield
    assert talk(node, posted(QUESTION)).status == 200
    assert not [line for line in node.log() if line.get("outcome") == "crashed"]
    assert not [line for line in node.log() if line["level"] == "error"]


def connected(node: NodeProcess) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", urlsplit(node.api_url).port or 0))
    connection.settimeout(PATIENCE_S)
    return connection


def talk(node: NodeProcess, sent: bytes, *, and_end: bool = False) -> Heard:
    """Send it all, read until the server closes; raises `TimeoutError` when it never does.

    With `and_end` the server is told that nothing more will come.
    """
    with connected(node) as connection:
        text = b""
        try:
            connection.sendall(sent)
            if and_end:
                connection.shutdown(socket.SHUT_WR)
            while len(text) < LOOK_AT_BYTES and (part := connection.recv(65536)):
                text += part
        except (BrokenPipeError, ConnectionResetError):
            pass  # it closed while we were sending, as it may
    status = int(text[9:12]) if text.startswith(b"HTTP/1.1 ") else CLOSED
    return Heard(status, text.count(b"HTTP/1.1 "), text)


def posted(body: bytes) -> bytes:
    return HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def message(body: bytes) -> bytes:
    return b'{"model":"mock","messages":[{"role":"user","content":' + body + b"}]}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(QUESTION[:-1], id="half of it"),
        pytest.param(QUESTION + b"}", id="more than it"),
        pytest.param(message(b'"\xff\xfe"'), id="no UTF-8 in a message"),
        pytest.param(message(b'"\xed\xa0\x80"'), id="a surrogate in UTF-8"),
        pytest.param(b'{"model":"\xff","messages":[]}', id="no UTF-8 in the model"),
        pytest.param(b'{"model":"\\ud800","messages":[]}', id="half a surrogate pair"),
        pytest.param(b'{"model":["mock"],"messages":[]}', id="a model that is no text"),
        pytest.param(b'{"model":"mock","messages":{}}', id="messages that are no list"),
        pytest.param(
            b'{"model":"mock","messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}", id="deep"
        ),
        pytest.param(
            b'{"model":"mock","messages":[],"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            id="deep in a field nobody reads",
        ),
    ],
)
def test_a_body_that_is_no_request_is_refused_with_the_reason(
    node: NodeProcess, body: bytes
) -> None:
    heard = talk(node, posted(body))
    assert heard.status == 400
    assert json.loads(heard.text.partition(b"\r\n\r\n")[2])["error"]["message"]


@pytest.mark.parametrize("number", [b"1e999999", b"9" * 5000, b"-0.0000001e-400"])
def test_a_number_nobody_can_hold_harms_nobody(node: NodeProcess, number: bytes) -> None:
    body = QUESTION[:-1] + b',"temperature":' + number + b"}"
    assert talk(node, posted(body)).status in (200, 400)


def test_of_a_model_given_twice_the_one_acted_on_is_the_one_passed_on(node: NodeProcess) -> None:
    there, absent = b'"model":"mock",', b'"model":"absent",'
    rest = QUESTION[QUESTION.index(b'"messages"') :]
    assert talk(node, posted(b"{" + absent + there + rest)).status == 200
    assert talk(node, posted(b"{" + there + absent + rest)).status == 404


@pytest.mark.parametrize(
    ("sent", "allowed"),
    [
        pytest.param(
            HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", {400}, id="two lengths"
        ),
        pytest.param(HEAD + b"Content-Length: 5, 5\r\n\r\nabcde", {400}, id="a list of lengths"),
        pytest.param(HEAD + b"Content-Length: -5\r\n\r\nabcde", {400}, id="a negative length"),
        pytest.param(HEAD + b"Content-Length: +5\r\n\r\nabcde", {400}, id="a signed length"),
        pytest.param(HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", {400}, id="no number"),
        pytest.param(HEAD + b"Content-Length: 1000000000\r\n\r\nabc", {413}, id="too long"),
        pytest.param(HEAD + b"Content-Length : 5\r\n\r\nabcde", {400}, id="space before colon"),
        pytest.param(HEAD + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n", {400}, id="folded header"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", {400}, id="te identity"
        ),
        pytest.param(HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400}, id="te x"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n", {400}, id="chunk ZZ"
        ),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"F" * 17 + b"\r\nabc", {400}, id="chunk"
        ),
        pytest.param(
            GET + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\n",
            {431, CLOSED},
            id="twenty thousand headers",
        ),
        pytest.param(
            GET + b"X: " + b"a" * 5_000_000 + b"\r\n\r\n", {431, CLOSED}, id="a huge header"
        ),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", {414}, id="a long path"),
        pytest.param(b"GET /v1/models/\xff HTTP/1.1\r\n\r\n", {400}, id="raw bytes in the path"),
        pytest.param(GET + b"X-Request-Id: a\x01b\r\n\r\n", {400}, id="a control character"),
        pytest.param(b"GET /v1/models\r\n\r\n", {400, CLOSED}, id="HTTP/0.9"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50), {400, CLOSED}, id="HTTP/2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01" + bytes(200), {400, CLOSED}, id="TLS"),
        pytest.param(Random(1).randbytes(5000), {400, CLOSED}, id="noise"),
    ],
)
def test_what_is_no_http_is_answered_400_or_shut_out(
    node: NodeProcess, sent: bytes, allowed: set[int]
) -> None:
    heard = talk(node, sent)
    assert heard.status in allowed
    assert heard.answer_count <= 1


def test_a_request_hidden_in_a_body_is_not_answered(node: NodeProcess) -> None:
    hidden = GET + b"Connection: close\r\n\r\n"
    heard = talk(
        node,
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
    )
    assert heard.answer_count == 1
    assert b"application/json" in heard.text
    assert b'"object":"list"' not in heard.text


def test_headers_echoed_into_answers_carry_nothing_of_their_own(node: NodeProcess) -> None:
    sent = GET + b"X-Request-Id: a, b;\xc3\xa9\r\nTraceparent: 00-zz\r\nConnection: close\r\n\r\n"
    head = talk(node, sent).text.partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 200")
    assert b"x-request-id: req_" in head


def test_a_body_that_does_not_come_is_told_and_let_go(node: NodeProcess) -> None:
    heard = talk(node, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert heard.status == 408
    heard = talk(node, HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
    assert heard.status == 408


def test_a_body_without_end_is_cut_off_at_the_limit(node: NodeProcess) -> None:
    megabyte = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    heard = talk(node, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + megabyte * 40)
    assert heard.status in (413, CLOSED)


def test_headers_that_trickle_in_do_not_hold_a_connection_for_ever(node: NodeProcess) -> None:
    with connected(node) as slow:
        slow.sendall(b"GET /v1/models HTTP/1.1\r\nHo")
        assert not slow.recv(100).startswith(b"HTTP/1.1 2")
        assert slow.recv(100) == b""


def test_two_hundred_half_requests_keep_nobody_out(node: NodeProcess) -> None:
    opened = [connected(node) for _ in range(200)]
    try:
        for connection in opened:
            connection.sendall(HEAD + b"Content-Le")
        assert talk(node, posted(QUESTION)).status == 200
    finally:
        for connection in opened:
            connection.close()


def test_random_damage_to_a_good_request_crashes_nothing(node: NodeProcess) -> None:
    random = Random(20)
    good = posted(QUESTION)
    for _ in range(300):
        damaged = bytearray(good)
        for _ in range(random.randint(1, 4)):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        assert talk(node, bytes(damaged), and_end=True).status < 500


def test_a_client_that_never_reads_holds_no_memory(tmp_path: Path) -> None:
    endless = {"mock": {"kind": "mock", "answer_tokens": 10_000_000}}
    settings = (f"--set=providers={json.dumps(endless)}", *MOCK_ONLY[2:])
    question = json.loads(QUESTION) | {"stream": True, "max_tokens": 10_000_000}
    with NodeProcess(tmp_path, settings) as node:
        node.ready()
        before = node.admin("/admin/v1/status")["memory"]["rss_bytes"]
        deaf = [connected(node) for _ in range(20)]
        for connection in deaf:
            connection.sendall(posted(json.dumps(question).encode()))
            assert connection.recv(100)
        reader = threading.Thread(target=talk, args=(node, posted(QUESTION)))
        reader.start()
        reader.join(PATIENCE_S)
        assert not reader.is_alive()
        after = node.admin("/admin/v1/status")["memory"]["rss_bytes"]
        for connection in deaf:
            connection.close()
    assert after - before < 20 * 2**20
