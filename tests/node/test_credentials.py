"""Who needs a key: on loopback once one was made; off loopback always, and there must be one."""

from typing import Literal

import pytest

from aiex.errors import CredentialsMissing
from aiex.node.credentials import check_credentials, needs_keys
from aiex.settings import ApiSettings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
ELSEWHERE = ("0.0.0.0", "::", "10.0.0.1", "node.example")

type Auth = Literal["auto", "required", "open"]


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize(
    ("auth", "has_ever_held_one", "is_needed"),
    [
        ("auto", False, False),
        ("auto", True, True),
        ("open", True, False),
        ("required", False, True),
    ],
)
def test_on_loopback_the_setting_decides(
    host: str, auth: Auth, has_ever_held_one: bool, is_needed: bool
) -> None:
    api = ApiSettings(host=host, auth=auth)
    assert needs_keys(api, has_ever_held_one=has_ever_held_one) is is_needed


@pytest.mark.parametrize("host", ELSEWHERE)
@pytest.mark.parametrize("auth", ["auto", "open", "required"])
def test_off_loopback_a_key_is_needed_whatever_the_setting_says(host: str, auth: Auth) -> None:
    for has_ever_held_one in (False, True):
        assert needs_keys(ApiSettings(host=host, auth=auth), has_ever_held_one=has_ever_held_one)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_off_loopback_without_any_key_the_node_says_what_to_do(host: str) -> None:
    with pytest.raises(CredentialsMissing, match="AIEX_API__KEY_FILE") as refused:
        check_credentials(ApiSettings(host=host), active_key_count=0)
    assert f"on {host}, off loopback" in str(refused.value)
    check_credentials(ApiSettings(host=host), active_key_count=1)


@pytest.mark.parametrize("host", LOOPBACK)
def test_on_loopback_it_starts_without_a_key(host: str) -> None:
    check_credentials(ApiSettings(host=host, auth="required"), active_key_count=0)
