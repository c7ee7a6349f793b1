"""An engine's address: read from what people write, shown without what they must not see."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.engine.address import EngineAddress
from aiex.errors import SettingsError
from aiex.settings import EngineSettings

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nats://example.org:5222", "nats://example.org:5222"),
        ("nats://example.org", "nats://example.org:4222"),
        ("example.org", "nats://example.org:4222"),
        ("127.0.0.1:5222", "nats://127.0.0.1:5222"),
        ("tls://example.org", "tls://example.org:4222"),
        ("nats://[::1]:5222", "nats://[::1]:5222"),
    ],
)
def test_a_url_may_leave_out_its_scheme_and_port(text: str, shown: str) -> None:
    assert EngineAddress.of_url(text).url == shown


def test_credentials_come_from_the_url_unless_they_are_given() -> None:
    assert EngineAddress.of_url("nats://bob:pw@host").user == "bob"
    assert EngineAddress.of_url("nats://bob:pw@host").password == "pw"
    given = EngineAddress.of_url("nats://bob:pw@host", user="eve", password="better")
    assert (given.user, given.password) == ("eve", "better")


def test_signs_in_a_password_are_written_as_in_every_url() -> None:
    assert EngineAddress.of_url("nats://bob:p%40ss%2F%23@host").password == "p@ss/#"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nats://", "names no host"),
        (f"nats://bob:{SECRET}@", "names no host"),
        (f"nats://bob:{SECRET}@host:none", "one server"),
        (f"nats://bob:{SECRET}@host:99999", "one server"),
        (f"nats://bob:{SECRET}#1@host", "password"),
        (f"nats://bob:{SECRET}/1@host", "password"),
        ("nats://bob:1234#5@host", "password"),
        (f"nats://bob:{SECRET}@one:4222,two:4222", "one server"),
        (f"nats://bob:{SECRET}@[::1", "one server"),
        (f"https://bob:{SECRET}@host", "https"),
        ("ws://host", "ws"),
    ],
)
def test_what_is_no_address_is_refused_in_words_without_its_password(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        Engine(EngineSettings(url=text), Path("/x"), clock=SystemClock(), emit=print)
    assert str(caught.value).startswith("engine.url ")
    assert SECRET not in str(caught.value)


@given(password=st.text(min_size=4).map(lambda text: f"<{text}>"))
def test_an_address_never_shows_its_password(password: str) -> None:
    address = EngineAddress("host", 4222, "bob", password)
    shown = f"{address} {address!r} {address.url} {[address]}"
    assert password not in shown


@given(text=st.text(alphabet="nats:/@[]#?%.,0a", max_size=20))
def test_any_text_is_an_address_or_refused_in_words(text: str) -> None:
    problem, address = "", None
    try:
        address = EngineAddress.of_url(text)
    except ValueError as error:
        problem = str(error)
    if address is None:
        assert problem.startswith("it ")
    else:
        assert address.host
        assert 0 < address.port < 65536
