"""Refusals in the server's log: who, why, what to check, and once a minute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.engine.events import RefusedAsStranger, StrangerRefused
from aiex.engine.strangers import PEERS_MAX, QUIET_S, Strangers, refusal_in
from aiex.testing.clock import FakeClock

WRONG_SECRET = '10.0.0.9:41410 - rid:30 - authentication error - User "route"'
REFUSED_US = "10.0.0.2:6222 - rid:32 - Route Error 'Authorization Violation'"
UNKNOWN = "tls: failed to verify certificate: x509: certificate signed by unknown authority"


@pytest.mark.parametrize(
    ("text", "words", "address"),
    [
        (WRONG_SECRET, ("another server", "cluster.secret", "cluster.name"), "10.0.0.9"),
        (
            '10.0.0.9:57646 - cid:61 - authentication error - User "node"',
            ("a client", "cluster.secret"),
            "10.0.0.9",
        ),
        ("[fd00::3]:57646 - cid:61 - authentication error", ("a client",), "[fd00::3]"),
        (
            '10.0.0.9:1 - rid:33 - Rejecting connection, cluster name "other" does not match "own"',
            ("'other'", "this one of 'own'", "cluster.name"),
            "10.0.0.9",
        ),
        (
            f"10.0.0.9:1 - rid:3 - TLS route handshake error: {UNKNOWN}",
            ("cluster.tls_ca_file",),
            "10.0.0.9",
        ),
        (
            "10.0.0.9:1 - cid:3 - TLS handshake error: tls: client didn't provide a certificate",
            ("cluster.tls_ca_file",),
            "10.0.0.9",
        ),
        (
            "10.0.0.9:1 - rid:3 - TLS route handshake error: tls: failed to verify certificate: "
            "x509: certificate specifies an incompatible key usage (CN=b)",
            ("extendedKeyUsage",),
            "10.0.0.9",
        ),
    ],
)
def test_who_was_refused_here_is_told_with_what_to_check(
    text: str, words: tuple[str, ...], address: str
) -> None:
    refusal = refusal_in(text)
    assert refusal is not None
    assert not refusal.is_own
    assert refusal.address == address
    assert all(word in refusal.reason for word in words), refusal.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (REFUSED_US, ("does not take this node's login", "cluster.secret", "cluster.name")),
        (
            "10.0.0.2:6222 - rid:40 - Route Error 'Rejecting connection, "
            'cluster name "own" does not match "theirs"\'',
            ("'theirs'", "this one of 'own'", "cluster.name"),
        ),
    ],
)
def test_who_refuses_this_node_is_told_with_its_address(text: str, words: tuple[str, ...]) -> None:
    refusal = refusal_in(text)
    assert refusal is not None
    assert refusal.is_own
    assert refusal.address == "10.0.0.2:6222"
    assert all(word in refusal.reason for word in words), refusal.reason


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:26503 - rid:32 - Route connection created",
        "10.0.0.2:6222 - rid:32 - Route Error 'Stale Connection'",
        "Server is ready",
        "",
    ],
)
def test_other_lines_tell_of_no_refusal(text: str) -> None:
    assert refusal_in(text) is None


@given(text=st.text())
def test_whatever_the_server_writes_is_read(text: str) -> None:
    refusal_in(text)


async def test_a_refusal_is_told_once_a_minute_and_on_both_sides() -> None:
    clock, events = FakeClock(), list[object]()
    strangers = Strangers(clock, events.append)
    for _ in range(100):
        assert strangers.note(WRONG_SECRET)
        assert strangers.note(REFUSED_US)
    assert [type(event) for event in events] == [StrangerRefused, RefusedAsStranger]
    await clock.advance(QUIET_S)
    strangers.note(WRONG_SECRET)
    assert len(events) == 3


def test_many_strangers_make_no_more_events_than_the_limit() -> None:
    events: list[object] = []
    strangers = Strangers(FakeClock(), events.append)
    for number in range(PEERS_MAX * 3):
        strangers.note(f"10.0.{number}.9:1 - cid:61 - authentication error")
    assert len(events) == PEERS_MAX


async def test_an_own_refusal_is_known_for_a_minute() -> None:
    clock = FakeClock()
    strangers = Strangers(clock, lambda _: None)
    assert not strangers.own_refusal
    strangers.note(REFUSED_US)
    assert "cluster.secret" in strangers.own_refusal
    await clock.advance(QUIET_S)
    assert not strangers.own_refusal


async def test_those_of_the_last_minute_are_known_both_ways() -> None:
    clock = FakeClock()
    strangers = Strangers(clock, lambda _: None)
    strangers.note(WRONG_SECRET)
    strangers.note(REFUSED_US)
    assert [one.is_own for one in strangers.lately()] == [False, True]
    await clock.advance(QUIET_S)
    assert strangers.lately() == ()
