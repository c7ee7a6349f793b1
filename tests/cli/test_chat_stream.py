"""An answer as it streams in: events cut anywhere, errors within it, servers that are none."""

import json
import re
import socket
from contextlib import aclosing, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cli.chat_session import Usage
from aiex.cli.chat_stream import (
    EVENT_BYTES_MAX,
    ChatApi,
    ChatFailed,
    EventReader,
    Piece,
    api_base,
    piece_of,
)
from aiex.testing.http_server import Scripted, ScriptedServer, http_answer, http_stream

# Without a space after the colon, one at the line's beginning would be taken for it.
LINE = st.binary(max_size=20).map(lambda line: re.sub(rb"^[ \r\n]+|[\r\n]", b"", line))
# A comment, a field that is not the data, and an empty event: none of them is told.
NOISE = st.sampled_from([b"", b": keep-alive", b"event: message", b"id: 7", b"retry: 1", b"dat"])
DONE = b"data: [DONE]\n\n"


def event(content: str) -> bytes:
    return (
        b'data: {"choices": [{"delta": {"content": %s}}]}\n\n'
        % json.dumps(content, ensure_ascii=False).encode()
    )


def read(chunks: list[bytes]) -> list[bytes]:
    reader = EventReader()
    return [data for chunk in chunks for data in reader.feed(chunk)]


@given(
    st.lists(st.tuples(st.lists(LINE, min_size=1, max_size=3), NOISE), max_size=5),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"data:", b"data: "]),
    st.data(),
)
def test_events_come_whole_however_the_stream_is_cut(
    events: list[tuple[list[bytes], bytes]], newline: bytes, field: bytes, data: st.DataObject
) -> None:
    wanted = [b"\n".join(lines) for lines, _ in events]
    stream = b"".join(
        noise + newline + b"".join(field + line + newline for line in lines) + newline
        for lines, noise in events
    )
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6))), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(cuts)]
    assert read(chunks) == wanted
    assert read([bytes([one]) for one in stream]) == wanted


def test_an_event_without_its_empty_line_is_not_told() -> None:
    assert read([b"data: one\n\ndata: two\n"]) == [b"one"]


@pytest.mark.parametrize("unit", [b"x" * 4096, b"data: " + b"x" * 4096 + b"\n"])
def test_an_event_that_never_ends_is_refused_not_kept(unit: bytes) -> None:
    chunks = [b"data: "] + [unit * 64] * (EVENT_BYTES_MAX // 4096 // 64 + 1)
    with pytest.raises(ChatFailed, match="does not end"):
        read(chunks)


def test_many_events_in_one_chunk_are_no_long_event() -> None:
    assert len(read([b"data: %s\n\n" % (b"x" * 4096) * 5000])) == 5000


@pytest.mark.parametrize(
    ("data", "piece"),
    [
        (b'{"choices": [{"delta": {"content": "hi"}}], "model": "m"}', Piece("hi", "m")),
        (b'{"choices": [{"delta": {"role": "assistant"}}]}', Piece()),
        (b'{"choices": [{"delta": {"content": null}, "finish_reason": "stop"}]}', Piece()),
        (b'{"choices": [], "usage": null}', Piece()),
        (
            b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "x": 1}}',
            Piece(usage=Usage(3, 4)),
        ),
    ],
)
def test_an_event_adds_text_or_usage_or_nothing(data: bytes, piece: Piece) -> None:
    assert piece_of(data) == piece


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b'{"error": {"message": "out of memory"}}', "The answer broke off: out of memory"),
        (b'{"error": {}}', "The answer broke off: the provider gave no reason"),
        (b"<html>", "an event that is not understood"),
        (b'{"choices": 7}', "an event that is not understood"),
        (b'{"model": "\xff"}', "an event that is not understood"),
    ],
)
def test_an_error_in_the_stream_is_a_failure_in_words(data: bytes, sentence: str) -> None:
    with pytest.raises(ChatFailed, match=sentence):
        piece_of(data)


@given(st.binary())
def test_any_event_is_a_piece_or_a_failure(data: bytes) -> None:
    with suppress(ChatFailed):
        assert isinstance(piece_of(data), Piece)


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/"])
def test_an_address_may_have_what_other_clients_need_behind_it(tail: str) -> None:
    assert api_base(f"http://host:1/prefix{tail}") == "http://host:1/prefix"


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://host", "http://", "/v1"])
def test_what_is_no_address_is_answered_with_one(url: str) -> None:
    with pytest.raises(ChatFailed, match=r"it looks like http://127\.0\.0\.1:8080\."):
        api_base(url)


async def pieces(answer: Scripted, key: str = "") -> list[str]:
    """The texts of the pieces that a server's answer has; the last one is a failure's, if any."""
    texts: list[str] = []
    with ScriptedServer(answer) as server:
        try:
            async with ChatApi(server.url, key) as api, aclosing(api.pieces({})) as stream:
                texts += [piece.text async for piece in stream if piece.text]
        except ChatFailed as error:
            texts.append(str(error).replace(server.url, "URL"))
        assert server.asked[0].headers.get("authorization", "") == (f"Bearer {key}" if key else "")
    return texts


async def test_an_answer_comes_in_the_pieces_it_was_sent_in() -> None:
    stream = event("one ") + event("twö") + DONE
    middle = stream.index("ö".encode()) + 1
    assert await pieces(http_stream(stream[:middle], stream[middle:])) == ["one ", "twö"]


async def test_what_follows_the_end_is_not_read() -> None:
    assert await pieces(http_stream(event("one"), DONE, b"data: <html>\n\n"), "key") == ["one"]


async def test_a_stream_that_ends_half_way_is_no_whole_answer() -> None:
    assert (await pieces(http_stream(event("one"))))[-1] == (
        "The answer broke off: the server ended it half way. Try again."
    )


async def test_a_connection_that_breaks_within_a_stream_is_told() -> None:
    head = b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (len(event("one")), event("one"))
    assert (await pieces([head, chunk]))[-1] == "The connection to URL broke. Try again."


async def test_a_refusal_is_told_in_the_servers_words() -> None:
    refused = http_answer(b'{"error": {"message": "There is no model x."}}', 404)
    assert await pieces(refused) == ["There is no model x."]
    assert await pieces(http_answer(b"oops", 500)) == ["URL answered HTTP 500."]


async def test_a_refused_key_says_where_to_put_the_right_one() -> None:
    (text,) = await pieces(http_answer(b'{"error": {"message": "Wrong key."}}', 401))
    assert text == "Wrong key. Put the key into the variable AIEX_API_KEY."


async def test_a_system_without_authorities_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with pytest.raises(ChatFailed, match="no certificates of authorities: install"):
        async with ChatApi("http://127.0.0.1:9"):
            pass


async def test_nobody_there_says_how_to_start_a_node() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    async with ChatApi(url) as api:
        with pytest.raises(ChatFailed, match=r"No node answers at .* Start one with `aiex up`"):
            await api.models()


async def test_models_are_listed_in_the_servers_order() -> None:
    with ScriptedServer(http_answer(b'{"data": [{"id": "b"}, {"id": "a"}]}')) as server:
        async with ChatApi(server.url) as api:
            assert await api.models() == ["b", "a"]
    assert server.asked[0].path == "/v1/models"


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"data": [{"id": "\xff"}]}'])
async def test_what_has_no_models_is_no_api(body: bytes) -> None:
    with ScriptedServer(http_answer(body)) as server:
        async with ChatApi(server.url) as api:
            with pytest.raises(ChatFailed, match="is not an OpenAI-compatible API"):
                await api.models()
