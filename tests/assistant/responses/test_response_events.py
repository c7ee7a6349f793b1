"""A stream of chunks as the events of a response, whatever pieces it comes in."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.item_form import ItemPlace
from aiex.assistant.responses.response_events import ResponseEvents
from aiex.assistant.responses.response_form import Response
from aiex.assistant.usage import Usage
from aiex.errors import ProviderError
from aiex.testing.talk_stage import events_in

PLACE = ItemPlace("a" * 32, "00000001", 1)
RESPONSE = Response(id="resp_x", created_at=5, status="in_progress", model="m")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
DONE = "[DONE]"
CLIENT: Any = TypeAdapter(ResponseStreamEvent)


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def call(place: int, call_id: str = "", name: str = "", arguments: str = "") -> dict[str, Any]:
    function = {"name": name} if name else {}
    if arguments:
        function["arguments"] = arguments
    named = {"id": call_id, "type": "function"} if call_id else {}
    return delta(tool_calls=[{"index": place, **named, "function": function}])


def sse(*chunks: Any) -> bytes:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in chunks]
    return b"".join(b"data: %s\n\n" % text.encode() for text in texts)


def machine(chars_max: int = 1000) -> ResponseEvents:
    return ResponseEvents(RESPONSE, PLACE, chars_max=chars_max)


def whole(stream: bytes, sizes: list[int] | None = None) -> list[dict[str, Any]]:
    """All events of a stream that comes in pieces of such sizes."""
    events = machine()
    out = b""
    for size in sizes or []:
        out += events.feed(stream[:size])
        stream = stream[size:]
    out += events.feed(stream) + events.end()
    out += events.finish(events.output.ending(RESPONSE, 9))
    return events_in(out)


def types(found: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


WORDS = (delta(role="assistant", content=""), delta(content="a"), delta(content=" b"))
TEXT = sse(*WORDS, delta("stop"), {"choices": [], "usage": USAGE}, DONE)
MUCH = sse(
    delta(reasoning_content="hm"),
    delta(content="Let me see."),
    call(0, "c1", "f", '{"x'),
    call(1, "c2", "g"),
    call(0, arguments='":1}'),
    call(1, arguments="{}"),
    call(2, "c3", "h"),
    delta("tool_calls"),
    DONE,
)


def test_a_text_goes_through_all_its_events() -> None:
    found = whole(TEXT)
    assert types(found) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in found] == list(range(10))
    last = found[-1]["response"]
    assert last["output"][0]["content"][0]["text"] == "a b"
    assert last["usage"]["total_tokens"] == 5
    assert (last["status"], last["completed_at"]) == ("completed", 9)


def test_thoughts_words_and_calls_are_items_of_their_own() -> None:
    output = whole(MUCH)[-1]["response"]["output"]
    assert [item["type"] for item in output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
        "function_call",
    ]
    assert [item.get("arguments") for item in output[2:]] == ['{"x":1}', "{}", "{}"]
    assert [item["call_id"] for item in output[2:]] == ["c1", "c2", "c3"]


def test_a_call_is_over_once_another_begins_and_it_is_whole() -> None:
    stream = sse(call(0, "c1", "f", "{}"), call(1, "c2", "g", "{}"), delta("tool_calls"), DONE)
    found = types(whole(stream))
    assert found.index("output_item.done") < len(found) - 1 - found[::-1].index("output_item.added")


def test_calls_that_all_have_the_place_0_are_told_apart() -> None:
    stream = sse(call(0, "c1", "f", "{}"), call(0, "c2", "g", "{}"), delta("tool_calls"), DONE)
    output = whole(stream)[-1]["response"]["output"]
    assert [item["name"] for item in output] == ["f", "g"]


def test_a_refusal_is_a_part_of_the_message() -> None:
    stream = sse(delta(content="Well."), delta(refusal="No."), delta("stop"), DONE)
    found = whole(stream)
    assert "refusal.delta" in types(found)
    [message] = found[-1]["response"]["output"]
    assert [part["type"] for part in message["content"]] == ["output_text", "refusal"]


def test_a_silent_model_gives_an_empty_message() -> None:
    [message] = whole(sse(delta("stop"), DONE))[-1]["response"]["output"]
    assert message["content"][0]["text"] == ""


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_an_answer_that_was_cut_is_incomplete(finish: str) -> None:
    found = whole(sse(delta(content="a"), delta(finish), DONE))
    assert found[-1]["type"] == "response.incomplete"
    assert found[-1]["response"]["output"][0]["status"] == "incomplete"


def test_an_end_mark_is_not_needed() -> None:
    assert whole(sse(*WORDS, delta("stop")))[-1]["type"] == "response.completed"


def test_what_comes_after_the_end_mark_is_not_said() -> None:
    assert types(whole(TEXT + sse(delta(content="more")))) == types(whole(TEXT))


def test_a_stream_that_ends_half_way_is_the_providers_failure() -> None:
    events = machine()
    events.feed(sse(*WORDS))
    with pytest.raises(ProviderError, match="half way"):
        events.end()


def test_a_broken_stream_says_so_with_what_there_is() -> None:
    events = machine()
    events.feed(sse(*WORDS, call(0, "c1", "f", '{"x')))
    [event] = events_in(events.failure(Refusal(502, "provider_failed", "It broke.")))
    assert event["type"] == "response.failed"
    assert event["response"]["error"] == {"code": "server_error", "message": "It broke."}
    assert [item["status"] for item in event["response"]["output"]] == ["completed", "incomplete"]


def test_a_cancelled_response_is_no_failure() -> None:
    events = machine()
    events.feed(sse(*WORDS))
    events.is_cancelled = True
    [event] = events_in(events.failure(Refusal(503, "draining", "x")))
    assert (event["response"]["status"], event["response"]["error"]) == ("cancelled", None)


@pytest.mark.parametrize(
    "chunk",
    [
        {"error": {"message": "boom"}},
        "no json",
        {"choices": 7},
        call(0, arguments="{}"),
    ],
)
def test_nonsense_is_the_providers_failure(chunk: Any) -> None:
    events = machine()
    events.feed(sse(*WORDS))
    with pytest.raises(ProviderError):
        events.feed(sse(chunk))


def test_what_came_before_nonsense_is_given_first() -> None:
    events = machine()
    assert b"output_text.delta" in events.feed(sse(*WORDS, "no json"))
    with pytest.raises(ProviderError):
        events.feed(b"")


def test_an_answer_without_end_is_not_kept() -> None:
    events = machine(chars_max=3)
    events.feed(sse(delta(content="abc")))
    with pytest.raises(ProviderError, match="longer"):
        events.feed(sse(delta(content="d")))


def test_comments_keep_the_clients_connection_open_too() -> None:
    events = machine()
    assert events.feed(b": wait\n\n") == b""
    events.feed(sse(*WORDS))
    assert events.feed(b": wait\n\n") == b":\n\n"


def test_usage_is_remembered() -> None:
    events = machine()
    events.feed(TEXT)
    assert events.usage == Usage(3, 2)


@settings(deadline=None)
@given(st.sampled_from([TEXT, MUCH]), st.lists(st.integers(0, 60), max_size=40))
def test_any_cut_gives_the_same_events(stream: bytes, sizes: list[int]) -> None:
    assert whole(stream, sizes) == whole(stream)


SAID = st.sampled_from(
    [
        delta(content="a"),
        delta(content=""),
        delta(refusal="no"),
        delta(reasoning="hm"),
        delta(reasoning_content="hm"),
        call(0, "c1", "f", '{"x":'),
        call(0, arguments="1}"),
        call(1, "c2", "g"),
        call(1, arguments="{}"),
        call(2, "", "h", "{}"),
        {"choices": []},
        {"choices": [], "usage": USAGE},
    ]
)


@settings(deadline=None)
@given(st.lists(SAID, max_size=25), st.sampled_from(["stop", "length", "tool_calls"]))
def test_the_official_client_takes_whatever_a_provider_says(said: list[Any], finish: str) -> None:
    """Its state machine checks that indexes, ids and ends fit together."""
    try:
        found = whole(sse(*said, delta(finish), DONE))
    except ProviderError:
        return  # a call without its name, or one that was over
    state: Any = ResponseStreamState(input_tools=[], text_format=omit)
    heard = [CLIENT.validate_python(event) for event in found]
    for event in heard:
        state.handle_event(event)
    texts: dict[tuple[str, int], str] = {}
    arguments: dict[str, str] = {}
    for event in heard:
        if event.type in ("response.output_text.delta", "response.reasoning_text.delta"):
            key = (event.item_id, event.content_index)
            texts[key] = texts.get(key, "") + event.delta
        elif event.type == "response.function_call_arguments.delta":
            arguments[event.item_id] = arguments.get(event.item_id, "") + event.delta
    for item in heard[-1].response.output:
        if item.type == "function_call":
            assert arguments[item.id] == item.arguments
        else:
            for place, part in enumerate(item.content):
                if part.type != "refusal" and part.text:
                    assert texts[item.id, place] == part.text
    added = [event.output_index for event in heard if event.type == "response.output_item.added"]
    assert added == list(range(len(heard[-1].response.output)))
