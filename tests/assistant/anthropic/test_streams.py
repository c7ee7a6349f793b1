"""Streams of one API as the other says them: cut anywhere, broken off, and back."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.anthropic.chunks_from_events import ChunksFromEvents
from aiex.assistant.anthropic.events_from_chunks import EventsFromChunks
from aiex.assistant.anthropic.message_relay import MessageRelay
from aiex.assistant.event_cutter import EventCutter, payload
from aiex.assistant.refusal import Refusal
from aiex.assistant.usage import Usage
from aiex.errors import ProviderError

FIXTURES = Path(__file__).parent / "fixtures"
EVENTS = (FIXTURES / "stream_everything.sse").read_bytes()
OVERLOADED = (FIXTURES / "stream_overloaded.sse").read_bytes()
CHUNKS = (FIXTURES / "chunks_everything.sse").read_bytes()
BROKEN = (FIXTURES / "chunks_error.sse").read_bytes()
DONE = b"data: [DONE]\n\n"


class Translation(Protocol):
    def feed(self, data: bytes) -> bytes: ...
    def end(self) -> bytes | None: ...


def through(translation: Translation, *parts: bytes) -> tuple[bytes, str]:
    """All that came out, and what it broke off with."""
    out = b""
    try:
        for part in parts:
            out += translation.feed(part)
        out += translation.end() or b""
    except ProviderError as error:
        return out, str(error)
    return out, ""


def cut(stream: bytes, places: set[int]) -> list[bytes]:
    edges = [0, *sorted(place for place in places if place < len(stream)), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


def chunks_of(*parts: bytes) -> list[dict[str, Any]]:
    out, error = through(ChunksFromEvents(created_s=1), *parts)
    assert not error
    assert out.endswith(DONE)
    return [json.loads(payload(event)) for event in EventCutter().feed(out)[:-1]]


def events_of(*parts: bytes) -> list[dict[str, Any]]:
    out, error = through(EventsFromChunks("r1"), *parts)
    assert not error
    events = EventCutter().feed(out)
    told = [json.loads(payload(event)) for event in events]
    names = [event.partition(b"\n")[0] for event in events]
    assert names == [f"event: {event['type']}".encode() for event in told]
    return told


def gathered(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that a client of OpenAI's puts together."""
    message: dict[str, Any] = {"content": "", "reasoning_content": "", "tool_calls": {}}
    thoughts: dict[int, Any] = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        delta = choice["delta"]
        message["content"] += delta.get("content") or ""
        message["reasoning_content"] += delta.get("reasoning_content") or ""
        for thought in delta.get("thinking_blocks", ()):
            thoughts[thought["index"]] = thought["type"]
        for call in delta.get("tool_calls", ()):
            known = message["tool_calls"].setdefault(call["index"], {"arguments": ""})
            known["id"] = known.get("id") or call["id"]
            known["name"] = known.get("name") or call["function"]["name"]
            known["arguments"] += call["function"].get("arguments") or ""
        message["finish_reason"] = choice["finish_reason"]
    return {**message, "thoughts": thoughts}


def put_together(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks that a client of Anthropic's puts together; checks that none overlap."""
    blocks: list[dict[str, Any]] = []
    is_open = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert not is_open
                assert event["index"] == len(blocks)
                is_open = True
                blocks.append({**event["content_block"], "input_json": ""})
            case "content_block_delta":
                assert is_open
                assert event["index"] == len(blocks) - 1
                delta, block = event["delta"], blocks[-1]
                key = {"input_json_delta": "input_json"}.get(
                    delta["type"], delta["type"].removesuffix("_delta")
                )
                said = delta["partial_json"] if key == "input_json" else delta[key]
                block[key] = block[key] + said
            case "content_block_stop":
                assert is_open
                is_open = False
    assert not is_open
    return blocks


def test_events_become_chunks() -> None:
    chunks = chunks_of(EVENTS)
    assert {(chunk["id"], chunk["model"], chunk["object"]) for chunk in chunks} == {
        ("msg_01p", "claude-opus-5", "chat.completion.chunk")
    }
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    message = gathered(chunks)
    assert message["content"] == "Grüße, ich sehe nach."
    assert message["reasoning_content"] == "Two tools: weather and clock."
    assert message["thoughts"] == {0: "thinking", 1: "redacted_thinking"}
    first, second = message["tool_calls"].values()
    assert (first["name"], json.loads(first["arguments"])) == ("weather", {"city": "Paris"})
    assert (second["id"], second["name"], json.loads(second["arguments"])) == (
        "toolu_02",
        "clock",
        {},
    )
    assert message["finish_reason"] == "tool_calls"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == {
        "prompt_tokens": 2245,
        "completion_tokens": 89,
        "total_tokens": 2334,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 50},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }


def test_chunks_become_events() -> None:
    events = events_of(CHUNKS)
    assert [event["type"] for event in events[:2]] == ["message_start", "ping"]
    start = events[0]["message"]
    assert (start["type"], start["content"], start["stop_reason"]) == ("message", [], None)
    thinking, text, weather, clock = put_together(events)
    assert thinking["thinking"] == "Two tools: weather and clock."
    assert thinking["signature"] == "aiex-unsigned"
    assert text["text"] == "Grüße, ich sehe nach."
    assert (weather["id"], weather["name"], json.loads(weather["input_json"])) == (
        "call_1",
        "weather",
        {"city": "Paris"},
    )
    assert (clock["id"], clock["input"], clock["input_json"]) == ("call_2", {}, "{}")
    last, end = events[-2:]
    assert last["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert last["usage"] == {
        "input_tokens": 50,
        "output_tokens": 40,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 100,
        "output_tokens_details": {"thinking_tokens": 12},
    }
    assert end == {"type": "message_stop"}


def test_the_tokens_of_a_stream_are_known_to_the_node() -> None:
    translation, relay = EventsFromChunks("r1"), MessageRelay("r1")
    through(translation, CHUNKS)
    through(relay, EVENTS)
    assert translation.usage == Usage(150, 40, 100, 12)
    assert relay.usage == Usage(2245, 89, 100, 30)


def test_events_pass_as_they_are_between_those_who_speak_the_same() -> None:
    assert through(MessageRelay("r1"), EVENTS) == (EVENTS, "")


def test_what_went_through_both_translations_is_the_same() -> None:
    out, _ = through(ChunksFromEvents(created_s=1), EVENTS)
    back, error = through(EventsFromChunks("r1"), out)
    assert not error
    events = [json.loads(payload(event)) for event in EventCutter().feed(back)]
    original = [json.loads(payload(event)) for event in EventCutter().feed(EVENTS)]
    known = {"type", "text", "thinking", "signature", "data", "id", "name"}
    assert [
        {key: value for key, value in block.items() if key in known}
        for block in put_together(events)
    ] == [
        {key: value for key, value in block.items() if key in known}
        for block in put_together(original)
    ]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"]["cache_creation_input_tokens"] == 50


@pytest.mark.parametrize("stream", [EVENTS, OVERLOADED], ids=["everything", "overloaded"])
@given(places=st.sets(st.integers(1, 4000), max_size=30))
def test_events_cut_anywhere_say_the_same(stream: bytes, places: set[int]) -> None:
    parts = cut(stream, places)
    whole = through(ChunksFromEvents(created_s=1), stream)
    assert through(ChunksFromEvents(created_s=1), *parts) == whole
    assert through(MessageRelay("r"), *parts) == through(MessageRelay("r"), stream)


@pytest.mark.parametrize("stream", [CHUNKS, BROKEN], ids=["everything", "broken"])
@given(places=st.sets(st.integers(1, 4000), max_size=30))
def test_chunks_cut_anywhere_say_the_same(stream: bytes, places: set[int]) -> None:
    whole = through(EventsFromChunks("r"), stream)
    assert through(EventsFromChunks("r"), *cut(stream, places)) == whole


@given(st.binary(max_size=300))
def test_any_bytes_are_a_stream_or_the_providers_failure(data: bytes) -> None:
    translations: list[Translation] = [
        ChunksFromEvents(created_s=1),
        EventsFromChunks("r"),
        MessageRelay("r"),
    ]
    for translation in translations:
        through(translation, data + b"\n\n" + data)


def test_lines_may_end_in_carriage_returns() -> None:
    crlf = EVENTS.replace(b"\n", b"\r\n")
    assert chunks_of(crlf) == chunks_of(EVENTS)
    assert through(MessageRelay("r"), crlf) == (crlf, "")


def test_what_came_before_an_error_is_told_and_then_the_error() -> None:
    out, error = through(ChunksFromEvents(created_s=1), OVERLOADED)
    assert b"Hel" in out
    assert error == "The provider broke its answer off: Overloaded"
    out, error = through(EventsFromChunks("r"), BROKEN)
    assert b"Hel" in out
    assert error == "The provider broke its answer off: The server had an error."


def test_an_error_that_comes_first_lets_another_target_be_asked() -> None:
    first = b'event: error\ndata: {"type":"error","error":{"type":"x","message":"no"}}\n\n'
    for translation in (ChunksFromEvents(created_s=1), MessageRelay("r")):
        assert through(translation, first) == (b"", "The provider broke its answer off: no")


def test_a_broken_stream_ends_with_an_event_that_says_so() -> None:
    refusal = Refusal(502, "provider_failed", "It broke.")
    event = EventsFromChunks("r1").failure(refusal)
    assert event.startswith(b"event: error\ndata: ")
    assert json.loads(payload(event)) == {
        "type": "error",
        "error": {"message": "It broke.", "type": "api_error"},
        "request_id": "r1",
    }


def test_an_error_between_those_who_speak_the_same_is_the_providers_own() -> None:
    relay = MessageRelay("r1")
    out, error = through(relay, OVERLOADED)
    assert error
    assert out + relay.failure(Refusal(502, "x", "y")) == OVERLOADED


def test_a_stream_that_ends_half_way_is_a_failure() -> None:
    half = EVENTS[: EVENTS.index(b"event: message_delta")]
    assert through(MessageRelay("r"), half)[1] == "The provider ended its stream half way."
    half = CHUNKS[: CHUNKS.index(b'"tool_calls", "logprobs"')]
    assert through(EventsFromChunks("r"), half)[1] == "The provider ended its stream half way."


def test_a_missing_end_mark_is_no_failure() -> None:
    assert events_of(CHUNKS.removesuffix(DONE)) == events_of(CHUNKS)


def test_a_stop_sequence_is_told_both_ways() -> None:
    events = events_of((FIXTURES / "chunks_stop_sequence.sse").read_bytes())
    assert events[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    chunks = chunks_of((FIXTURES / "stream_stop_sequence.sse").read_bytes())
    (choice,) = chunks[-2]["choices"]
    assert (choice["finish_reason"], choice["stop_reason"]) == ("stop", "END")


def test_a_refusal_is_text_and_its_own_stop_reason() -> None:
    events = events_of((FIXTURES / "chunks_refusal.sse").read_bytes())
    (block,) = put_together(events)
    assert block["text"] == "I can't help."
    assert events[-2]["delta"]["stop_reason"] == "refusal"


def call(index: int | None, name: str = "", call_id: str = "", arguments: str = "") -> bytes:
    function = {key: text for key, text in (("name", name), ("arguments", arguments)) if text}
    one: dict[str, Any] = {"function": function}
    if index is not None:
        one["index"] = index
    if call_id:
        one["id"] = call_id
    choice = {"index": 0, "delta": {"tool_calls": [one]}, "finish_reason": None}
    return b"data: %s\n\n" % json.dumps({"choices": [choice]}).encode()


@pytest.mark.parametrize("places", [(0, 0), (None, None), (0, 1)])
def test_calls_are_told_apart_even_where_servers_number_them_wrong(
    places: tuple[int | None, int | None],
) -> None:
    first, second = places
    blocks = put_together(
        events_of(
            call(first, "a", "c1", "{"),
            call(first, arguments="}"),
            call(second, "b", "c2", "{}"),
            DONE,
        )
    )
    assert [(block["name"], block["input_json"]) for block in blocks] == [("a", "{}"), ("b", "{}")]


def test_a_call_without_an_id_gets_one() -> None:
    (block,) = put_together(events_of(call(0, "a", arguments="{}"), DONE))
    assert block["id"]


def test_a_call_that_goes_on_after_its_end_is_a_failure_not_a_wrong_answer() -> None:
    whole = (call(0, "a", "c1"), call(0, arguments="{}"))
    parts = (*whole, call(1, "b", "c2"), call(0, arguments="{}"), FINISH, DONE)
    assert "that was over" in through(EventsFromChunks("r"), *parts)[1]


def test_a_servers_comment_is_a_ping_once_the_message_has_begun() -> None:
    waiting = b": waiting\n\n"
    translation = EventsFromChunks("r")
    assert translation.feed(waiting) == b""
    translation.feed(call(0, "a", "c1"))
    assert translation.feed(waiting) == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_a_stream_of_nothing_is_a_failure() -> None:
    assert through(EventsFromChunks("r"), DONE) == (b"", "The provider's stream held nothing.")


def tool_chunk(place: int, **function: str) -> bytes:
    call: dict[str, Any] = {"index": place, "function": function}
    if "name" in function:
        call |= {"id": f"call_{place}", "type": "function"}
    chunk = {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
    return b"data: %s\n\n" % json.dumps(chunk).encode()


FINISH = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}\n\n'
CALLS = {
    0: [
        tool_chunk(0, name="add"),
        *(tool_chunk(0, arguments=part) for part in ('{"a"', ":1", "}")),
    ],
    1: [tool_chunk(1, name="now")],  # without arguments
    2: [tool_chunk(2, name="mul"), *(tool_chunk(2, arguments=part) for part in ("{", '"b":2}'))],
}


@given(st.permutations([place for place, parts in CALLS.items() for _ in parts]))
def test_tool_calls_that_come_interleaved_are_whole_blocks_one_after_the_other(
    places: list[int],
) -> None:
    parts = {place: iter(chunks) for place, chunks in CALLS.items()}
    events = events_of(*(next(parts[place]) for place in places), FINISH, DONE)
    blocks: list[tuple[str, str]] = []
    is_open = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert not is_open, "one block at a time"
                is_open = True
                blocks.append((event["content_block"]["name"], ""))
            case "content_block_delta":
                assert event["index"] == len(blocks) - 1
                name, arguments = blocks[-1]
                blocks[-1] = (name, arguments + event["delta"]["partial_json"])
            case "content_block_stop":
                is_open = False
    assert sorted(blocks) == [("add", '{"a":1}'), ("mul", '{"b":2}'), ("now", "")]
    assert events[-1]["type"] == "message_stop"
