"""What an answer is worth, and which of those that are not right were to be expected."""

import json

import pytest

from aiex.testing.api_traffic import Absence, Answer, complaints, counts, judge


def content(said: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": said}}]}).encode()


def test_only_the_right_text_is_an_answer() -> None:
    assert judge(200, content("n1 7"), "n1 7") == ("answered", "")
    assert judge(200, content("n1 6"), "n1 7")[0] == "failed"
    assert judge(200, b"no JSON", "n1 7")[0] == "failed"
    assert judge(200, b"[]", "n1 7")[0] == "failed"
    assert judge(500, b"{}", "n1 7")[0] == "failed"


@pytest.mark.parametrize("status", [429, 503])
def test_a_node_may_say_no(status: int) -> None:
    assert judge(status, b"later", "n1 7") == ("refused", f"{status}: later")


def test_a_request_that_meets_an_absence_of_its_node_is_excused() -> None:
    absence = Absence("n1", 3.0, 5.0)
    before, into = Answer("n1", 2.0, 0.5, "failed"), Answer("n1", 2.0, 1.5, "failed")
    out_of, after = Answer("n1", 4.9, 0.5, "refused"), Answer("n1", 5.1, 0.1, "failed")
    assert [absence.excuses(one) for one in (before, into, out_of, after)] == [
        False,
        True,
        True,
        False,
    ]
    assert not absence.excuses(Answer("n2", 4.0, 0.1, "failed"))


def test_complaints_are_one_line_for_each_node_and_reason() -> None:
    answers = [
        Answer("n1", 1.0, 0.1, "answered"),
        Answer("n1", 2.0, 0.1, "failed", "broken off"),
        Answer("n1", 3.0, 0.1, "refused", "nobody listens"),
        Answer("n1", 4.0, 0.5, "refused", "nobody listens"),
        Answer("n2", 2.0, 0.1, "failed", "broken off"),
    ]
    assert complaints(answers, [Absence("n2", 1.0, 3.0)]) == [
        "n1 failed 1 requests from 2.00 s to 2.10 s: broken off",
        "n1 refused 2 requests from 3.00 s to 4.50 s: nobody listens",
    ]


def test_outcomes_are_counted_also_when_there_is_none() -> None:
    answers = [Answer("n1", 2.0, 0.5, "failed"), Answer("n2", 2.0, 0.5, "answered")]
    assert counts([*answers, answers[1]]) == "2 answered, 0 refused, 1 failed"
