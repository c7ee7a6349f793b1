"""What a request's trail becomes in the event that tells of it."""

from typing import Any

import msgspec

from aiex.assistant.attempted import Attempted, Outcome
from aiex.assistant.events import RequestFinished
from aiex.assistant.trail import Trail
from aiex.assistant.usage import Usage

USAGE = Usage(101, 102, cached_tokens=103, reasoning_tokens=104)


def test_each_field_of_the_event_is_the_trails_own() -> None:
    trail = Trail(
        method="POST", route="/v1/chat/completions", request_id="r1", traceparent="0" * 55, at_s=9.5
    )
    told: dict[str, Any] = {}
    for number, name in enumerate(RequestFinished.__struct_fields__):
        if name in Trail.__slots__ and name != "attempts":
            told[name] = number if isinstance(getattr(trail, name), int) else f"a {name}"
            setattr(trail, name, told[name])
    trail.usage = USAGE
    trail.note("east/model", Outcome.OK, 0.5)
    finished = msgspec.structs.asdict(trail.finished())
    assert {name: finished[name] for name in told} == told
    assert finished["attempts"] == tuple(trail.attempts) != ()
    assert isinstance(finished["attempts"][0], Attempted)
    of_usage = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
    assert {name: finished[name] for name in of_usage} == {
        name: getattr(USAGE, name) for name in of_usage
    }
    unknown = finished.keys() - told.keys() - {"attempts", "duration_us", *of_usage}
    assert unknown == set()
