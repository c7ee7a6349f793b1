"""The language of conditions: what it says, what it refuses and where; it does no harm."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiex.performance.tracer.compiler import ConditionError, Ending
from aiex.performance.tracer.condition import (
    CHARS_MAX,
    Condition,
    condition,
)
from aiex.performance.tracer.operators import CannotTell
from aiex.settings import Secret

VALUES = ("hello", "smart", "canary", "openai", "two")


class Ran(BaseException):
    """Code of a value ran; no `except Exception` hides it."""


def ran(*_: object, **__: object) -> NoReturn:
    raise Ran


class Hostile:
    __repr__ = __str__ = __len__ = __bool__ = __iter__ = __hash__ = ran
    __getattribute__ = __getattr__ = __eq__ = __lt__ = __contains__ = ran
    __format__ = __getitem__ = __add__ = __neg__ = __mod__ = ran


class HostileText(str):
    __slots__ = ()
    __eq__ = __hash__ = __len__ = startswith = lower = ran


class Level(Enum):
    LOW = 1


@dataclass
class Target:
    provider: str = "openai"
    weight: float = 1.0
    level: Level = Level.LOW

    @property
    def cost(self) -> int:
        raise Ran


ARGUMENTS: dict[str, Any] = {
    "n": 5,
    "x": 1.5,
    "name": "smart",
    "stream": False,
    "keeper": None,
    "target": Target(),
    "messages": [{"role": "user", "content": "hello"}, {"role": "user"}],
    "sizes": {"a": 1, 2: "two"},
    "hostile": Hostile(),
    "evil": HostileText("smart"),
    "opaque": Secret("canary"),
    "big": 10**80,
}
ENDING = Ending([1, 2], None, 12.5, 3.0)


def holds(text: str, *, is_carried: bool = False, ending: Ending = ENDING) -> bool:
    return condition(text, is_carried=is_carried).holds(ARGUMENTS, ending)


@pytest.mark.parametrize(
    "text",
    [
        "n == 5",
        "n > 4 and n < 6",
        "4 < n <= 5",
        "not stream",
        "keeper is None",
        "target is not None and target.provider == 'openai'",
        "target.weight * 2 + 1 == 3.0",
        "target.level == 1",
        "name in ('smart', 'fast')",
        "name not in ['slow']",
        "'mar' in name",
        "name.startswith('sm') and name.upper().endswith('ART')",
        "len(messages) == 2",
        "len(messages[0]['content']) == 5",
        "sizes['a'] == 1 and sizes[2] == 'two'",
        "5 in sizes or 2 in sizes",
        "messages[-1] != None",
        "type(target) == 'Target'",
        "n % 2 == 1 and n // 2 == 2 and -n < 0",
        "took_ms > 10 and ran_ms < 5 and raised is None and len(returned) == 2",
        "hostile",
        "n == 5 or missing",
        " \n n == 5 ",
    ],
)
def test_what_it_can_say(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize("text", ["n == 6", "n == '5'", "keeper", "stream or n < 0", "0 in sizes"])
def test_what_does_not_hold(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("missing == 1", "there is no 'missing'"),
        ("target.cost > 1", "no plain attribute 'cost'"),
        ("target.price > 1", "no plain attribute 'price'"),
        ("n.real > 1", "no plain attribute"),
        ("hostile == 1", "Hostile cannot be compared"),
        ("evil == 'smart'", "HostileText cannot be compared"),
        ("evil.lower() == 'smart'", "HostileText is no text"),
        ("len(hostile) > 1", "no length"),
        ("1 in hostile", "cannot be searched"),
        ("hostile + 1 > 1", "is no number"),
        ("messages[2] is None", "no item 2"),
        ("sizes['b'] is None", "no such key"),
        ("n / 0 > 1", "ZeroDivisionError"),
        ("big > 1", "too large"),
        ("n < 'a'", "no number"),
        ("opaque == 'canary'", "a secret cannot be asked for"),
        ("opaque.value == 'canary'", "a secret cannot be asked for"),
    ],
)
def test_what_cannot_be_told_says_why(text: str, reason: str) -> None:
    with pytest.raises(CannotTell, match=reason):
        holds(text)


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("", 0, "empty"),
        ("n ==", 4, "Not understood"),
        ("n = 5", 2, "Not understood"),
        ("n > 1 and (lambda: 1)", 11, "no lambda"),
        ("[x for x in y]", 0, "no loop"),
        ("__import__('os')", 0, "Functions are len, type"),
        ("n > 1 or eval('1')", 9, "Functions are len, type"),
        ("target.__class__", 7, "begins with an underscore"),
        ("a.b._c", 4, "begins with an underscore"),
        ("f'{n}' == '5'", 0, "no text with {} in it"),
        ("n ** 9", 0, "Arithmetic is"),
        ("n << 9", 0, "Arithmetic is"),
        ("(n := 5)", 1, "no :="),
        ("n is 5", 0, "'is' asks for None only"),
        ("name[n]", 5, "An index is"),
        ("name[1:2]", 5, "no slice"),
        ("len(n, n)", 0, "Functions are"),
        ("name.format(1)", 0, "Functions are"),
        ("api_key == 'sk-1'", 0, "may be a secret"),
        ("n > 1 and target.token", 17, "may be a secret"),
        ("sizes['password'] == 1", 0, "may be a secret"),
        ("messages[0].content.startswith('h')", 12, "may be a message"),
        ("content == 'hello'", 0, "may be a message"),
        ("b'x' == n", 0, "Literals are"),
        ("n in (n, 2)", 5, "literals only"),
        ("n > 1 if n else 0", 0, "no choice with if and else"),
        ("n > 1 and ü.löl._x", 16, "begins with an underscore"),
        ("n > " + "9" * 96, 4, "too large"),
    ],
)
def test_what_is_refused_is_told_with_its_place(text: str, place: int, reason: str) -> None:
    with pytest.raises(ConditionError, match=reason) as caught:
        condition(text)
    assert caught.value.position == place
    first, shown, caret = caught.value.told().split("\n")
    assert first == caught.value.text
    assert shown == f"  {text}"
    assert caret == "  " + " " * place + "^"


def test_of_a_long_condition_the_place_alone_is_told() -> None:
    text = "n == 1 or " * 30 + "n.__x" + " or n == 1" * 30
    with pytest.raises(ConditionError) as caught:
        condition(text[:CHARS_MAX])
    _, shown, caret = caught.value.told().split("\n")
    assert len(shown) <= 104
    assert shown[caret.index("^") :].startswith("__x or n")
    assert (shown[2], shown[-1]) == ("…", "…")
    with pytest.raises(ConditionError) as caught:
        condition("a" * 100_000)
    assert max(map(len, caught.value.told().split("\n"))) <= 104


def test_size_and_depth_are_bounded() -> None:
    for text in (
        "n > 1 " + "and n > 1 " * 49,
        "not " * 100 + "n",
        "-" * 400 + "n",
        "(" * 300 + "n" + ")" * 300,
        "n" + ".x" * 100,
        "n > 1 or " * 60,
        "x" * (CHARS_MAX + 1),
        "\x00",
    ):
        with pytest.raises(ConditionError):
            condition(text)


def test_where_requests_pass_through_a_condition_sees_no_more_than_is_shown() -> None:
    assert holds("n == 5 and len(messages) == 2", is_carried=True)
    assert holds("name == 'smart'", is_carried=True)
    for text in ("messages[0]['x'] == 'a'", "evil == 'smart'", "keeper == 'a' or x == 'b'"):
        if text.startswith("keeper"):
            assert not holds(text, is_carried=True)
            continue
        with pytest.raises((CannotTell, ConditionError)):
            holds(text, is_carried=True)
    given_text = condition("given == 'canary'", is_carried=True)
    with pytest.raises(CannotTell, match="may be a message"):
        given_text.holds({"given": "canary"}, ENDING)
    within = condition("'canary' in given", is_carried=True)
    for container in (["canary"], {"canary": 1}, ("canary",)):
        with pytest.raises(CannotTell, match="may be a message"):
            within.holds({"given": container}, ENDING)


def test_what_it_reads_is_known_before() -> None:
    made = condition("n > 1 and target.weight > took_ms")
    assert made.names == {"n", "target"}
    assert made.needs_end
    assert not condition("n > 1").needs_end


WORDS = st.sampled_from(
    [
        *(*ARGUMENTS, "returned", "took_ms", "missing", "content", "key", "1", "0.5", "'smart'"),
        *("None", "True", "(1, 'a')", "[]", "{}"),
    ]
)
JOINS = st.sampled_from(
    [
        *(" == ", " != ", " < ", " >= ", " in ", " not in ", " is ", " and ", " or ", " + ", " - "),
        *(" * ", " / ", " // ", " % ", ".", "[", "](", ", ", " if ", " for "),
    ]
)
WRAPS = st.sampled_from(["{}", "not {}", "-{}", "len({})", "type({})", "({})", "{}[0]", "{}['a']"])
PIECES = st.lists(st.tuples(WRAPS, WORDS, JOINS), min_size=1, max_size=8).map(
    lambda parts: "".join(wrap.format(word) + join for wrap, word, join in parts)
)
SENTENCES = st.tuples(PIECES, WORDS).map("".join)


@given(SENTENCES | st.text(max_size=60), st.booleans())
@example("hostile == hostile", False)
@example("'\\d' in name", False)
@example("n in sizes in messages", True)
def test_whatever_is_written_it_raises_its_own_errors_only(text: str, is_carried: bool) -> None:
    try:
        made = condition(text, is_carried=is_carried)
    except ConditionError as caught:
        refused = caught
    else:
        assert not set(VALUES) & set(re.findall(r"\w+", told(made)))
        return
    assert 0 <= refused.position <= len(text)
    assert refused.told().count("\n") == 2


def told(made: Condition) -> str:
    """Whether it holds, or why that cannot be told: never with what a value is."""
    try:
        return str(made.holds(ARGUMENTS, ENDING))
    except CannotTell as reason:
        return str(reason)
