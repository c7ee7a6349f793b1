"""What is shown of values: never a secret, never what people write, and never by running code."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, NoReturn

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.performance.tracer.plain_attribute import NOTHING, plain_attribute, type_name
from aiex.performance.tracer.portrait import CHARS_MAX, HIDDEN, shown, typed
from aiex.performance.tracer.privacy import Privacy, is_carrier, may_be_seen, privacy_of
from aiex.settings import Secret


class Ran(AssertionError):
    """Code of a value ran."""


def ran(*_: object, **__: object) -> NoReturn:
    raise Ran


class HostileMeta(type):
    __getattribute__ = ran
    __eq__ = ran
    __hash__ = type.__hash__


class Hostile(metaclass=HostileMeta):
    """Every way in which a value can be asked for something ends the test."""

    __repr__ = __str__ = __len__ = __bool__ = __iter__ = __hash__ = ran
    __getattribute__ = __getattr__ = __eq__ = __lt__ = __contains__ = ran
    __format__ = __getitem__ = __index__ = __float__ = ran


class HostileText(str):
    __slots__ = ()
    __repr__ = __str__ = __len__ = __eq__ = __hash__ = ran


class Point(msgspec.Struct):
    x: int
    name: str = "origin"
    api_key: str = "sk-canary"


@dataclass
class Job:
    size: int
    password: str = "canary"
    tags: list[str] = field(default_factory=list)

    @property
    def cost(self) -> int:
        raise Ran


class Slotted:
    __slots__ = ("unset", "x")

    def __init__(self) -> None:
        self.x = 1


class Lying:
    """Claims to be something else to whoever asks politely."""

    def __init__(self) -> None:
        self.real = 7

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise Ran

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise Ran


class Level(Enum):
    LOW = 1


class Word(StrEnum):
    GO = "go"


def open_shown(value: object, name: str = "x") -> str:
    return shown(value, privacy_of(name), is_carried=False)


def carried_shown(value: object, name: str = "x") -> str:
    return shown(value, privacy_of(name), is_carried=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (12, "12"),
        (1.5, "1.5"),
        ("fast", "'fast'"),
        (b"raw", "bytes(3)"),
        (2**200, "int(201 bits)"),
        ([1, "a", None], "[1, 'a', None]"),
        ({"size": 1, 2: "b"}, "{'size': 1, 2: str(1)}"),
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, … 12 more]"),
        ([[[[1]]]], "[[[list(1)]]]"),
        ((1,), "(1,)"),
        ((1, 2), "(1, 2)"),
        (Level.LOW, "Level.LOW"),
        (Word.GO, "Word.GO"),
        (object(), "object"),
    ],
)
def test_plain_values_are_shown_bounded(value: object, text: str) -> None:
    assert open_shown(value) == text


def test_a_long_text_is_a_length_wherever_it_is() -> None:
    assert open_shown("a " * 61) == "str(122)"
    assert open_shown(["a " * 61]) == "[str(122)]"
    assert len(open_shown({f"name{i}": "b " * 50 for i in range(8)})) <= CHARS_MAX + 1


@pytest.mark.parametrize(
    "name",
    [
        *("key", "api_key", "apiKey", "APIKEY", "token", "auth_header", "Authorization"),
        *("client_secret", "cookie", "x_signature", "private", "adminToken", "credentials"),
        "passwords",
    ],
)
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert privacy_of(name) is Privacy.SECRET
    assert open_shown("canary", name) == HIDDEN
    assert open_shown({name: "canary"}) == f"{{{name!r}: {HIDDEN}}}"
    assert open_shown([{"x": {name: 12345}}], "x") == f"[{{'x': {{{name!r}: {HIDDEN}}}}}]"


def test_secrets_are_known_by_their_types() -> None:
    assert open_shown(Secret("canary")) == HIDDEN
    assert open_shown([Secret("canary")]) == f"[{HIDDEN}]"
    assert open_shown(type("ApiToken", (), {})()) == HIDDEN


def test_how_long_a_secret_is_is_not_told() -> None:
    assert typed("canary", privacy_of("key")) == "str"
    assert typed("canary", privacy_of("content")) == "str(6)"


def test_what_models_count_is_no_secret() -> None:
    assert carried_shown(12, "prompt_tokens") == "12"
    assert carried_shown("canary", "tokens") == "str(6)"


@pytest.mark.parametrize("name", ["content", "messages", "prompt", "body", "text", "message_name"])
def test_contents_are_known_by_their_names(name: str) -> None:
    assert open_shown("canary", name) == "str(6)"
    assert open_shown([{"role": "canary"}], name) == "list(1)"
    assert open_shown(7, name) == "7"


@pytest.mark.parametrize(
    "text",
    [
        "Bearer canary",
        "sk-canary",
        "basic Y2FuYXJ5",
        "https://user:canary@host/",
        "/v1?key=canary",
        "password: canary",
        "eyJhbGciOi.canary",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_what_looks_like_a_credential_is_never_shown(text: str) -> None:
    assert open_shown(text) == f"str({len(text)})"
    assert carried_shown(text, "name") == f"str({len(text)})"
    assert open_shown([("authorization", text)]) == f"[('authorization', str({len(text)}))]"


def test_where_requests_pass_through_text_is_shown_as_a_label_only() -> None:
    assert carried_shown("canary") == "str(6)"
    assert carried_shown(["canary"]) == "[str(6)]"
    assert carried_shown("smart", "model") == "'smart'"
    assert carried_shown("two words", "model") == "str(9)"
    assert carried_shown({"canary": 1}) == "{str(6): 1}"
    assert carried_shown({"model": "m", "name": "canary"}) == "{'model': 'm', 'name': str(6)}"


@pytest.mark.parametrize(
    ("module", "file", "is_one"),
    [
        ("aiex.assistant.chat", "/x/site-packages/aiex/assistant/chat.py", True),
        ("aiex.assistants", "/x/aiex/assistants.py", False),
        ("aiex.performance.threads.threads", "/x/site-packages/aiex/p.py", False),
        ("json.decoder", "/usr/lib/python3.13/json/decoder.py", True),
        ("nats.aio.client", "/x/site-packages/nats/aio/client.py", True),
        ("shop.cart", "/srv/shop/cart.py", False),
    ],
)
def test_requests_pass_through_parts_and_all_libraries(
    module: str, file: str, is_one: bool
) -> None:
    assert is_carrier(module, file) is is_one


def test_structs_and_dataclasses_are_shown_by_their_fields() -> None:
    assert open_shown(Point(3)) == f"Point(x=3, name='origin', api_key={HIDDEN})"
    assert open_shown(Job(3, tags=["a"])) == f"Job(size=3, password={HIDDEN}, tags=['a'])"


def test_no_code_of_a_value_runs() -> None:
    for value in (Hostile(), HostileText("x"), Lying(), [Hostile()], {1: Hostile()}):
        assert "canary" not in open_shown(value)
        assert typed(value)
    hostile = Hostile()
    assert type_name(hostile) == "Hostile"
    assert plain_attribute(hostile, "x") is NOTHING


def test_only_plain_attributes_are_found() -> None:
    assert plain_attribute(Point(3), "x") == 3
    assert plain_attribute(Job(3), "size") == 3
    assert plain_attribute(Job(3), "cost") is NOTHING
    assert plain_attribute(Job(3), "missing") is NOTHING
    assert plain_attribute(Slotted(), "x") == 1
    assert plain_attribute(Slotted(), "unset") is NOTHING
    assert plain_attribute(Lying(), "real") is NOTHING
    assert plain_attribute("text", "upper") is NOTHING


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
VALUES = st.recursive(
    PLAIN | st.builds(Point, st.integers()) | st.just(Level.LOW),
    lambda below: st.lists(below) | st.dictionaries(st.text() | st.integers(), below),
    max_leaves=30,
)


@given(VALUES, st.text(max_size=20), st.booleans())
def test_whatever_it_is_the_portrait_is_short(value: Any, name: str, is_carried: bool) -> None:
    assert len(shown(value, privacy_of(name), is_carried=is_carried)) <= CHARS_MAX + 1
    assert len(typed(value, privacy_of(name))) < 100


@given(st.text(min_size=8, alphabet="abcdefgh \n"))
def test_what_people_write_is_in_no_portrait(message: str) -> None:
    chat = {"model": "m", "messages": [{"role": "user", "content": message}], "user": message}
    for name in ("request", "x", "name", "document", "content", "arguments"):
        assert message not in carried_shown(chat, name)
    assert not may_be_seen(message, privacy_of("content"), is_carried=False)
