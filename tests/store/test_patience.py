"""Callers wait while the engine may be choosing a leader, and not for one that is away."""

import pytest

from aiex.engine import EngineStatus
from aiex.store.patience import CHOICE_S, hopeless


def status(state: str, since_s: float = 100.0) -> EngineStatus:
    return EngineStatus(state, "too few servers", since_s, "2.15.1", is_embedded=True)  # type: ignore[arg-type]


def test_an_engine_that_is_up_is_never_hopeless() -> None:
    assert not hopeless(status("up"), 1_000_000.0)


@pytest.mark.parametrize(
    ("state", "phrase"),
    [
        ("no quorum", "has no quorum"),
        ("down", "is down"),
        ("forming", "is forming"),
        ("connecting", "is connecting"),
    ],
)
def test_an_engine_that_has_just_gone_may_be_choosing_a_leader(state: str, phrase: str) -> None:
    assert not hopeless(status(state), 100.0 + CHOICE_S - 0.1)
    assert hopeless(status(state), 100.0 + CHOICE_S) == f"the engine {phrase}: too few servers"
