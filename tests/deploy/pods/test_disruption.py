"""Who may be evicted."""

from typing import Any

from aiex.testing.pods.disruption import objection
from aiex.testing.pods.service import Endpoint

LABELS = {"app": "a"}


def budget(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "pdb"}, "spec": {"selector": {"matchLabels": LABELS}, **spec}}


def pod(name: str, is_ready: bool = True, is_ending: bool = False) -> Endpoint:
    return Endpoint(name, "10.0.0.1", LABELS, "ai", is_ready=is_ready, is_ending=is_ending)


WELL, ILL, ENDING = pod("well"), pod("ill", is_ready=False), pod("ending", is_ending=True)


def test_one_may_go_while_enough_are_well() -> None:
    assert objection([budget(maxUnavailable=1)], WELL, [WELL, WELL, WELL]) == ""
    assert objection([budget(minAvailable=2)], WELL, [WELL, WELL, WELL]) == ""


def test_nobody_goes_while_another_one_is_going_or_ill() -> None:
    told = "pdb needs 2 healthy pods and there are 2"
    assert objection([budget(maxUnavailable=1)], WELL, [WELL, WELL, ENDING]) == told
    assert objection([budget(maxUnavailable=1)], WELL, [WELL, WELL, ILL]) == told


def test_an_ill_one_goes_when_the_budget_says_always() -> None:
    always = budget(minAvailable=3, unhealthyPodEvictionPolicy="AlwaysAllow")
    assert objection([always], ILL, [WELL, ILL, ILL]) == ""
    assert objection([budget(minAvailable=3)], ILL, [WELL, ILL, ILL]) != ""


def test_a_share_is_rounded_up() -> None:
    told = "pdb needs 2 healthy pods and there are 2"
    assert objection([budget(minAvailable="50%")], WELL, [WELL, WELL, ILL]) == told


def test_a_budget_for_others_says_nothing() -> None:
    other = budget(minAvailable=9)
    other["spec"]["selector"] = {"matchLabels": {"app": "b"}}
    assert objection([other], WELL, [WELL]) == ""
