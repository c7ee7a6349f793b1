"""Secrets: used where they are needed, seen nowhere, whatever is done to the settings."""

import copy
import logging
import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.errors import SettingsError
from aiex.settings import Secret, Settings, load, shown_settings

# Where a setting is a secret.
SECRETS = ("api.key", "admin.token", "engine.password", "providers.m.api_key")
# No word of any message or setting, so that finding it can only be a leak.
SECRET_TEXTS = st.text(string.ascii_uppercase + string.digits, min_size=6, max_size=20).map(
    lambda text: f"zq{text}"
)


def settings_with(secret: str) -> Settings:
    flags = {"providers.m.kind": "mock", **dict.fromkeys(SECRETS, secret)}
    return load(None, {}, flags).settings


def revealed(settings: Settings) -> list[str]:
    found = (
        settings.api.key,
        settings.admin.token,
        settings.engine.password,
        settings.providers["m"].api_key,
    )
    return [one.reveal() for one in found if one is not None]


@given(SECRET_TEXTS)
def test_a_secret_is_kept_and_never_printed(text: str) -> None:
    settings = settings_with(text)
    assert revealed(settings) == [text] * len(SECRETS)
    loaded = load(None, {"AIEX_API__KEY": text}, {})
    for one in (settings, loaded, loaded.settings.api, Secret(text), [Secret(text)]):
        assert text not in f"{one} {one!r:>9} {[one]}"


@given(SECRET_TEXTS)
def test_shown_settings_mask_it(text: str) -> None:
    flags = {"providers.m.kind": "mock", **dict.fromkeys(SECRETS, text)}
    rows = shown_settings(load(None, {}, flags))
    assert text.encode() not in msgspec.json.encode(rows)
    assert {row.value for row in rows if row.setting in SECRETS} == {"***"}


@given(SECRET_TEXTS)
def test_encoding_refuses_or_masks_it(text: str) -> None:
    settings = settings_with(text)
    for encode in (msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins):
        with pytest.raises(TypeError) as refused:
            encode(settings)
        assert text not in str(refused.value)
        assert text not in str(encode(settings, enc_hook=str))


def _values(text: str) -> list[str]:
    """Ways to get a secret wrong."""
    return [text, f'["{text}"]', f'{{"x": "{text}"}}', f'{{"x": "{text}"', f"[{text}", '"' + text]


SECTIONS = ("api", "admin", "engine", "providers", "providers.m", *SECRETS)


@given(text=SECRET_TEXTS, number=st.integers(0, 5), path=st.sampled_from(SECTIONS))
def test_no_problem_of_the_environment_or_a_flag_tells_it(
    text: str, number: int, path: str
) -> None:
    value = _values(text)[number]
    variable = "AIEX_" + path.upper().replace(".", "__")
    for environment, flags in (({variable: value}, {}), ({}, {path: value})):
        # A second problem, so that there is a message in any case.
        assert text not in refusal(None, {"AIEX_LOG__LEVEL": "loud", **environment}, flags)


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize(
    "value", ["12345678", "[12345678]", '["12345678"]', "1234.5678", "{ x = 12345678 }", "''"]
)
def test_no_problem_of_the_file_tells_it(tmp_path: Path, path: str, value: str) -> None:
    file = tmp_path / "aiex.toml"
    file.write_text(f"providers.m.kind = 'mock'\n{path} = {value}")
    message = refusal(file, {}, {})
    assert message == f"{path} ({file}): expected a text that is not empty"


@pytest.mark.parametrize("headers", ["{ authorization = 12345678 }", "12345678", "['12345678']"])
def test_a_header_that_may_be_a_secret_is_not_told(tmp_path: Path, headers: str) -> None:
    file = tmp_path / "aiex.toml"
    file.write_text(f"providers.m.kind = 'mock'\nproviders.m.headers = {headers}")
    assert "12345678" not in refusal(file, {}, {})


def refusal(file: Path | None, environment: dict[str, str], flags: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        load(file, environment, flags)
    return str(refused.value)


def test_a_log_shows_the_mask(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("settings: %s", settings_with("zqSECRET"))
    assert "zqSECRET" not in caplog.text
    assert "Secret(***)" in caplog.text


def test_an_empty_secret_is_a_mistake_and_not_an_open_door() -> None:
    for path in SECRETS:
        with pytest.raises(SettingsError, match="expected a text that is not empty"):
            load(None, {}, {"providers.m.kind": "mock", path: ""})


def test_secrets_are_equal_by_their_value_and_to_nothing_else() -> None:
    one: Any = Secret("a")
    assert one == Secret("a")
    assert hash(one) == hash(Secret("a"))
    assert one != Secret("b")
    assert one != "a"
    assert copy.deepcopy(one) == one
