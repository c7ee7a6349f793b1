"""Is what a provider's server said an answer? What is none never reaches a client.

An answer is a JSON object of status 200, or an error. Anything else is a failure of the provider,
which another target may make good.
"""

from typing import Final

import msgspec

from aiex.assistant.provider import ProviderRefusedUs
from aiex.assistant.upstream import UpstreamAnswer
from aiex.errors import ProviderError

JSON: Final = "application/json"

_ERRORS = range(400, 600)


class _Object(msgspec.Struct):
    """Any object: its fields are read over and not kept."""


_OBJECT = msgspec.json.Decoder(_Object)


def check_answer(provider: str, answer: UpstreamAnswer, *, is_key_refused: bool = False) -> None:
    """Raises `ProviderError` when it is none, `ProviderRefusedUs` when it is about our key."""
    status = answer.status
    if status == 200:
        if not is_json_object(answer.body):
            raise ProviderError(f"Provider '{provider}' answered with something else than JSON.")
    elif is_key_refused or status in (401, 403):
        raise ProviderRefusedUs(
            f"Provider '{provider}' refused this server's credentials (status {status}); "
            "an operator should check its api_key."
        )
    elif status not in _ERRORS:
        raise ProviderError(f"Provider '{provider}' answered with status {status}.")


def is_json_object(body: bytes) -> bool:
    """Whether it is one JSON object in UTF-8, whatever it holds."""
    try:
        _OBJECT.decode(body)
        if not body.isascii():
            body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
