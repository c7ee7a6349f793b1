"""A node's state in words, also of a node that says little or says it with control characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cli.answers.node import (
    ApiFacts,
    Check,
    EngineFacts,
    KeysFacts,
    LocalModelFacts,
    MemoryFacts,
    NodeFacts,
    Status,
    SupervisedService,
    Urls,
)
from aiex.cli.status_text import bytes_text, duration_text, status_lines, tree_lines

STATUS = Status(
    node=NodeFacts("n1", "0.1.0", 42, "ready", 3700.0, "/data/n1"),
    api=ApiFacts("http://127.0.0.1:8080", "open", 1, 20, 3),
    engine=EngineFacts("embedded", "connected", "", "2.14.0"),
    local_model=LocalModelFacts("up", "SmolLM2", 77),
    keys=KeysFacts(2),
    memory=MemoryFacts(100 * 2**20),
    checks=(Check("loop"), Check("engine", "degraded", "no answer")),
    urls=Urls("http://127.0.0.1:8080", "http://127.0.0.1:8081"),
)


def test_a_node_is_told_one_fact_a_line_its_checks_last() -> None:
    assert status_lines(STATUS) == [
        "node      n1, ready for 1 h 1 min",
        "version   0.1.0, pid 42",
        "API       http://127.0.0.1:8080, open to this machine without a key",
        "requests  1 in flight, 20 answered, 3 failed",
        "admin     http://127.0.0.1:8081",
        "engine    connected, embedded, 2.14.0",
        "model     up, SmolLM2, pid 77",
        "keys      2 active",
        "memory    100 MiB",
        "data      /data/n1",
        "",
        "checks",
        "  ok        loop",
        "  degraded  engine: no answer",
    ]


def test_a_node_without_a_local_model_has_no_line_for_it() -> None:
    assert not [line for line in status_lines(Status()) if line.startswith("model")]


def test_an_api_that_is_closed_says_so() -> None:
    lines = status_lines(Status(api=ApiFacts(auth="keys")))
    assert any(line.endswith("asks for an API key") for line in lines)


def test_a_node_of_another_version_that_says_nothing_is_shown_nonetheless() -> None:
    assert status_lines(Status())[-1] == "checks"


def test_the_tree_is_drawn_with_what_each_service_is_and_was() -> None:
    tree = SupervisedService(
        "node",
        state="running",
        state_age_s=5,
        strategy="one_for_one",
        children=(
            SupervisedService(
                "engine",
                state="running",
                state_age_s=5,
                strategy="rest_for_one",
                children=(
                    SupervisedService("engine.server", state="running", state_age_s=5, pid=7),
                    SupervisedService(
                        "engine.session",
                        state="backing off",
                        state_age_s=1,
                        restart_count=2,
                        last_error="OSError: refused",
                    ),
                ),
            ),
            SupervisedService("http.api", state="running", state_age_s=3),
        ),
    )
    assert tree_lines(tree) == [
        "node  running for 5 s, one for one",
        "├── engine  running for 5 s, rest for one",
        "│   ├── engine.server  running for 5 s, pid 7",
        "│   └── engine.session  backing off for 1 s, 2 restarts, last error: OSError: refused",
        "└── http.api  running for 3 s",
    ]


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 0 h"),
        (10_000_000, "115 d 17 h"),
    ],
)
def test_a_duration_has_the_two_units_a_person_would_say(duration_s: float, text: str) -> None:
    assert duration_text(duration_s) == text


def test_a_size_is_told_in_whole_mebibytes() -> None:
    assert bytes_text(123 * 2**20 + 5) == "123 MiB"


@given(st.text())
def test_nothing_that_a_node_says_commands_the_terminal_or_breaks_a_line(said: str) -> None:
    status = Status(
        node=NodeFacts(said, said, 1, said, 1, said),
        api=ApiFacts(said),
        engine=EngineFacts(said, said, said, said),
        local_model=LocalModelFacts(said, said),
        checks=(Check(said, said, said),),
        urls=Urls(said, said),
    )
    tree = SupervisedService(said, state=said, strategy=said, last_error=said)
    for line in [*status_lines(status), *tree_lines(tree)]:
        assert not [one for one in line if one < " " or "\x7f" <= one <= "\x9f"]
