"""Cells bound once for each kind of request: what they count, and that they stay bounded."""

import msgspec

from aiex.assistant import RequestFinished
from aiex.telemetry.cells import Cells
from aiex.telemetry.request_cells import KINDS_MAX, RequestFamilies

FINISHED = RequestFinished(
    request_id="r", trace_id="t", method="POST", route="/v1/chat/completions", status=200,
    outcome="ok", error_code="", model="m", provider="p", target="p/m", key_id="", is_stream=False,
    attempt_count=1, at_s=0.0, duration_us=1000, parse_us=1, auth_us=1, route_us=1, provider_us=500,
    first_byte_us=900, request_bytes=1, response_bytes=1, prompt_tokens=3, completion_tokens=2,
    cached_tokens=1, reasoning_tokens=0,
)  # fmt: skip


def families() -> RequestFamilies:
    cells = Cells()
    return RequestFamilies(
        cells.counter("aiex_requests_total"),
        cells.durations("aiex_request_duration_seconds"),
        cells.durations("aiex_provider_duration_seconds"),
        cells.counter("aiex_tokens_total"),
    )


def counted(families: RequestFamilies, *events: RequestFinished) -> None:
    for event in events:
        families.of(event).count(event)


def test_one_kind_is_looked_up_once_and_counts_on() -> None:
    all_of_them = families()
    counted(all_of_them, FINISHED, FINISHED)
    assert all_of_them.of(FINISHED) is all_of_them.of(FINISHED)
    assert all_of_them.requests.cell("/v1/chat/completions", "200", "m", "p", "ok").value == 2
    assert all_of_them.tokens.cell("m", "prompt").value == 6
    assert all_of_them.provider.cell("p").sum_us == 1000


def test_a_failure_is_a_kind_of_its_own_in_the_same_durations() -> None:
    all_of_them = families()
    failure = msgspec.structs.replace(FINISHED, status=502, outcome="provider_failed")
    counted(all_of_them, FINISHED, failure)
    cell = all_of_them.requests.cell
    assert cell("/v1/chat/completions", "200", "m", "p", "ok").value == 1
    assert cell("/v1/chat/completions", "502", "m", "p", "provider_failed").value == 1
    assert all_of_them.durations.cell("/v1/chat/completions", "false").sum_us == 2000


def test_what_never_came_leaves_no_zero_behind() -> None:
    all_of_them = families()
    nothing = msgspec.structs.replace(
        FINISHED, provider="", provider_us=0, prompt_tokens=0, completion_tokens=0
    )
    counted(all_of_them, nothing)
    assert not list(all_of_them.provider.cells())
    assert not list(all_of_them.tokens.cells())


def test_kinds_without_end_are_counted_and_not_remembered() -> None:
    all_of_them = families()
    events = [msgspec.structs.replace(FINISHED, model=f"m{n}") for n in range(KINDS_MAX + 1)]
    counted(all_of_them, *events)
    assert all_of_them.of(events[-1]) is not all_of_them.of(events[-1])
    assert sum(cell.value for _, cell in all_of_them.requests.cells()) == KINDS_MAX + 1
