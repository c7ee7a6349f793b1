"""When a finding names what was planted, and what else is said of it."""

import pytest

from examples.trouble.catalogue import BY_KIND, FAULTS
from examples.trouble.fault import Truth
from examples.trouble.judge import CONSEQUENCES, SYNONYMS, Said, names, verdict

SLEEP = Truth(
    "sleep", ("blocking_call",), ("quota_desk:QuotaLine.load_order",), "quota.desk", {"hold_s": 0.1}
)
FLOOD = Truth("flood", ("flood",), (), "", {"rate_per_s": 600.0}, mentions="key_7")
RIGHT = Said("blocking_call", "It sleeps.", "quota_desk:QuotaLine.load_order")


def test_the_right_cause_and_function_name_a_fault() -> None:
    judged = verdict([SLEEP], [RIGHT])
    assert judged.is_right
    assert judged.named == ("sleep",)
    assert judged.false_alarms == judged.beside == ()


def test_nothing_said_is_a_miss() -> None:
    judged = verdict([SLEEP], [])
    assert not judged.is_right
    assert judged.missed == ("sleep",)


def test_the_right_function_with_another_cause_names_nothing_and_is_no_false_alarm() -> None:
    said = Said("leak", "It grows.", "quota_desk:QuotaLine.load_order")
    judged = verdict([SLEEP], [said])
    assert judged.missed == ("sleep",)
    assert judged.beside == (said,)
    assert judged.false_alarms == ()


def test_the_right_cause_in_another_function_of_the_module_names_nothing() -> None:
    said = Said("blocking_call", "It sleeps.", "quota_desk:QuotaLine.run")
    judged = verdict([SLEEP], [said])
    assert judged.missed == ("sleep",)
    assert judged.beside == (said,)


def test_blaming_a_bystander_is_a_false_alarm() -> None:
    said = Said("blocking_call", "It sleeps.", "ticket_hall:TicketFeed.load_order")
    assert verdict([SLEEP], [RIGHT, said]).false_alarms == (said,)


def test_on_a_healthy_node_everything_is_a_false_alarm() -> None:
    assert verdict([], [RIGHT]).false_alarms == (RIGHT,)
    assert verdict([], []).is_right


def test_what_follows_from_a_fault_is_no_false_alarm() -> None:
    shedding = Said("overload", "Requests are refused.")
    assert verdict([SLEEP], [RIGHT, shedding]).beside == (shedding,)
    lag = Said("gc_off", "…", follows_from="blocking call in quota_desk:QuotaLine.load_order")
    assert verdict([SLEEP], [RIGHT, lag]).beside == (lag,)


def test_starved_is_true_on_a_crowded_machine_only() -> None:
    starved = Said("starved", "Others have the CPUs.")
    assert verdict([], [starved]).false_alarms == (starved,)
    judged = verdict([], [starved], is_crowded=True)
    assert judged.false_alarms == ()
    assert judged.beside == (starved,)
    late = Said("engine_away", "It does not answer.", follows_from="starved")
    assert verdict([], [late]).false_alarms == (late,)
    assert verdict([], [late], is_crowded=True).beside == (late,)


def test_without_a_function_whoever_is_to_blame_has_to_be_mentioned() -> None:
    assert names(Said("flood", "One key sends most.", evidence=("key_7: 600 a second",)), FLOOD)
    assert names(Said("flood", "Key key_7 sends most."), FLOOD)
    assert not names(Said("flood", "Key key_8 sends most."), FLOOD)
    assert not names(Said("overload", "Key key_7 sends most."), FLOOD)


@pytest.mark.parametrize(("cause", "same"), [(a, b) for a, all_ in SYNONYMS.items() for b in all_])
def test_a_synonym_names_a_fault_in_one_direction(cause: str, same: str) -> None:
    truth = Truth("any", (cause,), ("a:B.c",), "", {})
    assert names(Said(same, "", "a:B.c"), truth)
    assert not names(Said(cause, "", "a:B.c"), Truth("any", (same,), ("a:B.c",), "", {}))


def test_both_of_two_faults_have_to_be_named() -> None:
    judged = verdict([SLEEP, FLOOD], [RIGHT])
    assert not judged.is_right
    assert judged.named == ("sleep",)
    assert judged.missed == ("flood",)


def test_the_tables_speak_of_causes_that_are_planted() -> None:
    planted = {cause for fault in FAULTS for cause in fault.causes}
    assert set(SYNONYMS) <= planted
    assert set(CONSEQUENCES) <= planted
    assert len(BY_KIND) == len(FAULTS)
