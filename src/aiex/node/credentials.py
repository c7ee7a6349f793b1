"""Who may reach which listener: decided once, before anything listens."""

from aiex.errors import CredentialsMissing
from aiex.settings import ApiSettings, is_loopback


def needs_keys(api: ApiSettings, *, has_ever_held_one: bool) -> bool:
    """Whether `/v1` asks for an API key.

    `auto` asks once a key was ever made, revoked ones included: revoking the last key must not open
    the door to everybody.
    """
    if api.auth == "required" or not is_loopback(api.host):
        return True
    return api.auth == "auto" and has_ever_held_one


def check_credentials(api: ApiSettings, *, active_key_count: int) -> None:
    """Raises `CredentialsMissing` when a listener off loopback would turn everybody away."""
    if is_loopback(api.host) or active_key_count:
        return
    raise CredentialsMissing(
        f"The API would listen on {api.host}, off loopback, and there is no API key yet. Put one "
        "into a file and set AIEX_API__KEY_FILE to its path, or start on loopback first and run "
        "'aiex keys create NAME'."
    )
