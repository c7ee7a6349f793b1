"""What views and supervision trees say of a cluster."""

from typing import Any

from aiex.testing.lab_inspection import member_troubles, service_troubles


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
    assert member_troubles({"a": split}) == ["a says split: c is missing without a goodbye"]


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
