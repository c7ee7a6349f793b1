"""A stream cut into events, whatever way it arrives."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant import frames
from aiex.assistant.frames import FrameRelay
from aiex.assistant.usage import Usage
from aiex.errors import ProviderError

DELTA = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}],"usage":null}\n\n'
LAST = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = (
    b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,'
    b'"prompt_tokens_details":{"cached_tokens":4},'
    b'"completion_tokens_details":{"reasoning_tokens":1}}}\n\n'
)
DONE = b"data: [DONE]\n\n"
STREAM = DELTA + DELTA + LAST + USAGE + DONE


def relayed(relay: FrameRelay, parts: list[bytes]) -> bytes:
    return b"".join(relay.feed(part) for part in parts)


@given(st.sets(st.integers(1, len(STREAM) - 1)), st.booleans())
def test_a_stream_cut_anywhere_says_the_same(cuts: set[int], hides_usage: bool) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    parts = [STREAM[start:end] for start, end in pairwise(edges)]
    relay = FrameRelay(hides_usage=hides_usage)
    expected = DELTA + DELTA + LAST + (b"" if hides_usage else USAGE) + DONE
    assert relayed(relay, parts) == expected
    assert relay.usage == Usage(5, 2, 4, 1)
    assert relay.is_finished
    assert relay.is_done


def test_only_whole_events_are_handed_on() -> None:
    relay = FrameRelay(hides_usage=False)
    assert relay.feed(DELTA + DELTA[:10]) == DELTA
    assert relay.feed(DELTA[10:]) == DELTA


def test_events_may_end_in_carriage_returns() -> None:
    stream = STREAM.replace(b"\n\n", b"\r\n\r\n")
    relay = FrameRelay(hides_usage=True)
    assert relayed(relay, [stream[:100], stream[100:]]) == (DELTA + DELTA + LAST + DONE).replace(
        b"\n\n", b"\r\n\r\n"
    )
    assert relay.usage.prompt_tokens == 5


def test_a_usage_that_comes_with_the_last_choice_is_kept_and_counted() -> None:
    event = (
        b'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":3,'
        b'"completion_tokens":1}}\n\n'
    )
    relay = FrameRelay(hides_usage=True)
    assert relay.feed(event) == event
    assert relay.usage == Usage(3, 1)


def test_text_that_speaks_of_usage_is_not_usage() -> None:
    event = b'data: {"choices":[{"delta":{"content":"\\"usage\\":{\\"prompt_tokens\\":9}"}}]}\n\n'
    relay = FrameRelay(hides_usage=True)
    assert relay.feed(event) == event
    assert relay.usage == Usage()


def test_an_unfinished_stream_is_seen_as_such() -> None:
    relay = FrameRelay(hides_usage=False)
    relay.feed(DELTA)
    assert not relay.is_finished
    assert not relay.is_done


def test_an_event_without_end_is_an_error_not_a_leak() -> None:
    relay = FrameRelay(hides_usage=False)
    part = b"x" * (frames.EVENT_BYTES_MAX // 4)
    with pytest.raises(ProviderError):
        relayed(relay, [part] * 5)


def test_a_long_event_in_small_pieces_is_looked_at_once() -> None:
    """Were all of it looked at with each piece, this would run into the test's time limit."""
    event = DELTA.replace(b'"a"', b'"%s"' % (b"a" * 12_000_000))
    parts = [event[start : start + 1400] for start in range(0, len(event), 1400)]
    assert relayed(FrameRelay(hides_usage=False), parts) == event


def test_a_model_that_speaks_of_the_end_mark_has_not_ended() -> None:
    event = DELTA.replace(b'"a"', b'"It ends with data: [DONE]"')
    relay = FrameRelay(hides_usage=False)
    assert relay.feed(event) == event
    assert not relay.is_done
    with pytest.raises(ProviderError, match="half way"):
        relay.end()
