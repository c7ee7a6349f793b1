"""What `aiex up` prints can be pasted: valid shell, valid JSON, valid Python."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cli.answers.cluster import SeenCluster, SeenMember
from aiex.cli.answers.node import ApiFacts, Check, MemoryFacts, NodeFacts, Status
from aiex.cli.up_text import (
    QUESTION,
    cluster_line,
    curl_snippet,
    missing_text,
    node_lines,
    places,
    python_snippet,
    status_line,
)

URL = "http://127.0.0.1:8080"
# A name from the settings: any text, quotes and dollars too.
MODEL = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def ran(lines: list[str], **environment: str) -> dict[str, object]:
    """What the Python snippet asks, its imports replaced by a client that remembers."""
    asked: dict[str, object] = {}

    class Client:
        def __init__(self, **options: object) -> None:
            asked.update(options)
            self.chat = self.completions = self

        def create(self, **body: object) -> "Client":
            asked.update(body)
            self.message = self
            self.choices = [self]
            self.content = "cold"
            return self

    code = "\n".join(line.removeprefix("  ") for line in lines if "import" not in line)
    compile("\n".join(line.removeprefix("  ") for line in lines), "snippet", "exec")
    os = type("os", (), {"environ": environment})
    exec(code, {"OpenAI": Client, "os": os, "print": lambda _: None})
    return asked


def test_an_address_with_brackets_is_quoted_since_shells_expand_them() -> None:
    assert (
        "curl 'http://[::1]:8080/v1/" in curl_snippet("http://[::1]:8080", "m", needs_key=False)[0]
    )


@pytest.mark.parametrize("needs_key", [False, True])
def test_the_curl_line_is_what_a_newcomer_would_type(*, needs_key: bool) -> None:
    text = "\n".join(curl_snippet(URL, "smollm2", needs_key=needs_key))
    words = shlex.split(text)
    assert words[:2] == ["curl", f"{URL}/v1/chat/completions"]
    assert "Content-Type: application/json" in words
    assert ("Authorization: Bearer $AIEX_API_KEY" in words) is needs_key
    assert ('-H "Authorization: Bearer $AIEX_API_KEY"' in text) is needs_key


@given(MODEL)
def test_the_body_of_the_curl_line_is_json_whatever_the_model_is_called(model: str) -> None:
    words = shlex.split("\n".join(curl_snippet(URL, model, needs_key=True)))
    body = json.loads(words[words.index("-d") + 1])
    assert body == {"model": model, "messages": [{"role": "user", "content": QUESTION}]}


@given(MODEL)
def test_the_python_lines_ask_the_same_whatever_the_model_is_called(model: str) -> None:
    asked = ran(python_snippet(URL, model, needs_key=False))
    assert asked == {
        "base_url": f"{URL}/v1",
        "api_key": "unused",
        "model": model,
        "messages": [{"role": "user", "content": QUESTION}],
    }


def test_where_a_key_is_needed_the_python_lines_take_it_from_the_environment() -> None:
    assert ran(python_snippet(URL, "m", needs_key=True), AIEX_API_KEY="sk")["api_key"] == "sk"


def test_the_places_name_what_clients_and_people_need() -> None:
    api, admin, log = places(URL, "http://127.0.0.1:8081", "/data/log/node.log")
    assert f"{URL}/v1" in api
    assert "http://127.0.0.1:8081" in admin
    assert "/data/log/node.log" in log


def test_the_live_line_says_how_much_and_how_well() -> None:
    status = Status(
        node=NodeFacts(uptime_s=61),
        api=ApiFacts(in_flight=1, requests_total=20, errors_total=3),
        memory=MemoryFacts(rss_bytes=100 * 2**20),
    )
    assert status_line(status) == (
        "up 1 min 1 s · 1 in flight, 20 answered, 3 failed · 100 MiB · all well"
    )


def test_the_live_line_tells_what_is_not_well_and_stays_one_line() -> None:
    checks = (Check("loop"), Check("engine", "degraded", "it does\nnot \x1b[31manswer"))
    assert status_line(Status(checks=checks)).endswith(" · degraded: it does not answer")


def test_the_live_line_tells_of_the_worst() -> None:
    checks = (Check("model", "degraded", "slow"), Check("disc", "failed", "full"))
    assert status_line(Status(checks=checks)).endswith(" · failed: full")


NAMES = ("a", "b", "c")


def status(in_flight: int, *checks: Check) -> Status:
    return Status(
        api=ApiFacts(in_flight=in_flight, requests_total=10, errors_total=1),
        memory=MemoryFacts(rss_bytes=50 * 2**20),
        checks=checks,
    )


def view(*states: str, reason: str = "") -> SeenCluster:
    members = tuple(SeenMember(name, state) for name, state in zip(NAMES, states, strict=True))
    return SeenCluster(members=members, reason=reason)


def test_a_cluster_is_one_line_of_sums() -> None:
    views = [view("up", "up", "up")] * 3
    assert cluster_line(NAMES, [status(1), status(2), status(0)], views) == (
        "3 of 3 members up · 3 in flight, 30 answered, 3 failed · 150 MiB · all well"
    )


def test_the_node_that_sees_least_and_the_one_that_is_worst_are_told() -> None:
    views = [view("up", "up", "up"), view("up", "up", "down"), view("up", "up", "up")]
    full = Check("disc", "failed", "it is full")
    line = cluster_line(NAMES, [status(0), status(0, Check(), full), status(0)], views)
    assert line.startswith("2 of 3 members up · ")
    assert line.endswith(" · b failed: it is full")


def test_a_node_that_does_not_answer_is_told_and_not_counted() -> None:
    line = cluster_line(NAMES, [status(1), None, status(1)], [view("up", "down", "up"), None, None])
    assert line == (
        "2 of 3 members up · 2 in flight, 20 answered, 2 failed · 100 MiB · no answer from b"
    )
    assert cluster_line(NAMES, [None] * 3, [None] * 3).startswith("0 of 3 members up")


def test_what_is_missing_for_a_cluster_is_told_by_the_first_who_misses_it() -> None:
    whole = view("up", "up", "up")
    assert missing_text(NAMES, [whole] * 3) == ""
    assert missing_text(NAMES, [whole, None, whole]) == "b does not answer"
    split = view("up", "joining", "down", reason="c is down")
    assert missing_text(NAMES, [whole, whole, split]) == "c sees 1 of 3 members up (c is down)"


def test_every_node_is_listed_with_its_addresses() -> None:
    lines = node_lines({"n": ("http://h:1", "http://h:2"), "n-2": ("http://h:33", "http://h:4")})
    assert lines == [
        "  Node  own API         admin API",
        "  n     http://h:1/v1   http://h:2",
        "  n-2   http://h:33/v1  http://h:4",
    ]
