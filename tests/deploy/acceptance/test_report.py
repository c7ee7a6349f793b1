"""How the acceptance tells what came of its steps."""

import json

from tests.k8s.load_log import LoadReport
from tests.k8s.report import document, is_passed, step_text, sums_text
from tests.k8s.step import Outcome

LOAD = LoadReport(True, 812, 1, 3, 0, 20.0, p50_ms=510, p99_ms=740)
PASSED = Outcome("scale", "passed", 41.26, LOAD, told=("6 nodes after 9.0 s",))
FAILED = Outcome("drain", "failed", 12.0, LOAD, ("1 requests failed, and none may",))
SKIPPED = Outcome("volume", "skipped", told=("a disc of m3",))
LEFT_OUT = Outcome("chat", "not run", told=("the install failed",))


def test_a_step_is_a_line_with_its_time_and_its_requests() -> None:
    assert step_text(PASSED).splitlines() == [
        "scale        passed      41.3 s  812 answered, 1 failed, 3 connections tried again, "
        "p99 740 ms",
        "             6 nodes after 9.0 s",
    ]


def test_the_sums_name_only_what_there_is() -> None:
    assert sums_text([PASSED, PASSED, SKIPPED]) == "2 passed, 1 skipped"
    assert sums_text([PASSED, FAILED, LEFT_OUT]) == "1 passed, 1 failed, 1 not run"


def test_it_passed_when_something_ran_and_nothing_failed_or_was_left_out() -> None:
    assert is_passed([PASSED, SKIPPED])
    assert not is_passed([PASSED, FAILED])
    assert not is_passed([PASSED, LEFT_OUT])
    assert not is_passed([SKIPPED])
    assert not is_passed([])


def test_programs_get_all_of_it() -> None:
    told = json.loads(document([FAILED]))
    assert told["is_passed"] is False
    assert told["steps"][0]["load"]["failed_count"] == 1
    assert told["steps"][0]["complaints"] == ["1 requests failed, and none may"]
