"""What views, calls, leases and supervision trees say of a cluster."""

from typing import Any

from aiex.testing.lab_inspection import (
    condition_troubles,
    double_holders,
    highest_fences,
    lease_troubles,
    member_troubles,
    ping_troubles,
    service_troubles,
)


def view(condition: str = "whole", reason: str = "", **members: tuple[str, int]) -> dict[str, Any]:
    return {
        "condition": condition,
        "reason": reason,
        "members": [
            {"name": name, "state": state, "incarnation": incarnation}
            for name, (state, incarnation) in members.items()
        ],
    }


def test_views_of_all_that_are_alike_are_no_trouble() -> None:
    same = view(a=("up", 1), b=("up", 2))
    assert member_troubles({"a": same, "b": same}) == []


def test_a_member_that_is_down_missing_or_of_another_life_is_told() -> None:
    right = view(a=("up", 1), b=("up", 2), c=("up", 3))
    assert member_troubles(
        {
            "a": view(a=("up", 1), b=("down", 2), c=("up", 3)),
            "b": view(a=("up", 1), b=("up", 2)),
            "c": right,
        }
    ) == ["a sees b down", "b sees c nothing in another life"]
    assert member_troubles({"b": right, "c": right, "a": view(a=("up", 9), b=("up", 2))}) == [
        "b sees a up in another life",
        "c sees a up in another life",
        "a sees c nothing in another life",
    ]


def test_nodes_that_agree_on_a_split_are_trouble_all_the_same() -> None:
    split = view("split", "c is missing without a goodbye", a=("up", 1))
    assert condition_troubles({"a": split, "b": view(a=("up", 1))}) == [
        "a says split: c is missing without a goodbye"
    ]


def pinged(*nodes: str, **failures: str) -> dict[str, Any]:
    return {
        "pings": [{"node": name} for name in nodes],
        "failures": [{"node": name, "text": text} for name, text in failures.items()],
    }


def test_who_gives_no_answer_to_a_call_is_told_also_when_nobody_thought_of_it() -> None:
    assert ping_troubles({"a": pinged("a", "b")}, ["a", "b"]) == []
    assert ping_troubles({"a": pinged("a", b="no answer in 2 s")}, ["a", "b"]) == [
        "a called b: no answer in 2 s",
        "a was not answered by b",
    ]
    assert ping_troubles({"a": pinged("a")}, ["a", "b"]) == ["a was not answered by b"]


def lease(holder: str | None, fence: int, *, here: bool = False) -> dict[str, Any]:
    return {"leases": [{"name": "work", "holder": holder, "fence": fence, "is_held_here": here}]}


def test_a_lease_that_one_holds_and_all_know_of_is_no_trouble() -> None:
    answers = {"a": lease("a", 3, here=True), "b": lease("a", 3)}
    assert lease_troubles(answers, {"work": 3}) == []


def test_a_lease_without_a_holder_or_with_several_is_told() -> None:
    assert lease_troubles({"a": lease(None, 0), "b": lease("a", 3)}, {}) == [
        "work is held by nobody for a, a for b"
    ]
    assert lease_troubles({"a": lease("a", 3), "b": lease("a", 3)}, {}) == [
        "work is held by a, who does not say so"
    ]
    assert lease_troubles({"a": {"leases": []}}, {}) == ["any lease is held by nobody for a"]


def test_a_fence_that_fell_is_told() -> None:
    fences = highest_fences({"a": lease("a", 7, here=True), "b": lease("a", 5)}, {"work": 6})
    assert fences == {"work": 7}
    fallen = {"a": lease("a", 4, here=True), "b": lease("a", 4)}
    assert lease_troubles(fallen, fences) == [
        "a knows work by fence 4 after 7",
        "b knows work by fence 4 after 7",
    ]
    assert highest_fences(fallen, fences) == fences


def test_two_who_hold_a_lease_before_and_after_each_other_are_told() -> None:
    both = {"a": lease("a", 3, here=True), "b": lease("b", 5, here=True)}
    assert double_holders(both, both) == [
        "work was held by two at once: a by fence 3, b by fence 5"
    ]


def test_a_lease_that_changed_hands_while_it_was_looked_at_is_held_by_one() -> None:
    first = {"a": lease("a", 3, here=True), "b": lease("b", 5, here=True)}
    assert double_holders(first, {"a": lease("b", 5), "b": lease("b", 5, here=True)}) == []
    again = {"a": lease("a", 7, here=True), "b": lease("b", 5, here=True)}
    assert double_holders(first, again) == []


def test_a_service_that_does_not_run_is_told_wherever_it_is() -> None:
    def service(name: str, state: str, *children: dict[str, Any], error: str = "") -> Any:
        return {"name": name, "state": state, "last_error": error, "children": list(children)}

    tree = service(
        "node",
        "running",
        service("engine", "running", service("engine.server", "backing off", error="it froze")),
        service("http", "stopped"),
    )
    assert service_troubles("a", tree) == [
        "a: engine.server is backing off, it froze",
        "a: http is stopped, no error",
    ]
