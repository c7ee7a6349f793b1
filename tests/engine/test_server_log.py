"""The lines of nats-server: how loud they are, and what they say of its end."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.engine.server_log import cause_of_end, is_disk_full, lost_server, parse_line

STORE = "/data/engine/standalone"


def line(level: str, text: str) -> str:
    return f"[11675] 2026/11/23 18:03:08.680417 [{level}] {text}"


@pytest.mark.parametrize(
    ("level", "logged"),
    [
        ("FTL", logging.ERROR),
        ("ERR", logging.ERROR),
        ("WRN", logging.WARNING),
        ("INF", logging.DEBUG),
        ("DBG", logging.DEBUG),
        ("TRC", logging.DEBUG),
        ("NEW", logging.WARNING),
    ],
)
def test_only_what_is_wrong_is_heard_without_asking(level: str, logged: int) -> None:
    assert parse_line(line(level, "Some text [with] brackets")) == (
        logged,
        "Some text [with] brackets",
    )


@pytest.mark.parametrize("text", ["", "panic: oh", "goroutine 1 [running]:", "[x] [INF] y"])
def test_a_line_without_the_usual_form_is_a_warning_and_kept_whole(text: str) -> None:
    assert parse_line(text) == (logging.WARNING, text)


def test_the_warning_about_our_own_way_to_keep_the_password_is_no_warning() -> None:
    text = "Plaintext passwords detected, use nkeys or bcrypt"
    assert parse_line(line("WRN", text)) == (logging.DEBUG, text)


@given(text=st.text())
def test_whatever_it_writes_is_read(text: str) -> None:
    assert parse_line(text)[0] in (logging.DEBUG, logging.WARNING, logging.ERROR)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("JetStream failed to store: write x: no space left on device", f"{STORE} is full"),
        ("Disk quota exceeded", f"{STORE} is full"),
        ("Error listening on port: bind: address already in use", "taken by another program"),
        ("could not create storage: mkdir x: permission denied", f"not write to {STORE}"),
        ("open x: read-only file system", f"not write to {STORE}"),
        ("accept: too many open files", "ulimit"),
        ("runtime: out of memory", "out of memory"),
        ("read x: input/output error", f"{STORE} fails"),
    ],
)
def test_a_known_cause_is_told_with_what_to_do_and_the_servers_own_words(
    text: str, cause: str
) -> None:
    told = cause_of_end(1, [line("FTL", text)], STORE)
    assert cause in told
    assert text in told


def test_the_last_known_cause_counts() -> None:
    lines = [line("ERR", "too many open files"), line("FTL", "permission denied")]
    assert "not write" in cause_of_end(1, lines, STORE)


def test_what_the_server_says_in_passing_is_no_cause() -> None:
    assert cause_of_end(1, [line("INF", "permission denied")], STORE) == "exit status 1"


def test_an_unknown_cause_is_told_in_the_servers_last_severe_words() -> None:
    lines = [line("ERR", "first"), line("FTL", "last"), line("INF", "Initiating Shutdown...")]
    assert cause_of_end(2, lines, STORE) == "exit status 2: last"


def test_without_any_words_the_signal_or_status_is_told() -> None:
    assert cause_of_end(-9, [], STORE) == "killed by signal 9"
    assert cause_of_end(3, [], STORE) == "exit status 3"


def test_a_full_disk_is_recognised_in_any_case() -> None:
    assert is_disk_full("write failed: No Space Left On Device")
    assert not is_disk_full("Store Directory: /space")


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1:60574 - rid:20 - Router connection closed: Client Closed - Remote: n3", "n3"),
        ("[::1]:6222 - rid:7 - Router connection closed: Read Error - Remote: a%2Eb", "a%2Eb"),
        ("127.0.0.1:6227 - rid:48 - Router connection closed: Duplicate Route - Remote: n3", ""),
        ("127.0.0.1:60578 - rid:25 - Router connection closed: Client Closed", ""),
        ("127.0.0.1:60578 - cid:25 - Client connection closed: Client Closed", ""),
    ],
)
def test_the_loss_of_another_server_is_read_and_a_duplicate_is_none(text: str, server: str) -> None:
    assert lost_server(text) == server
