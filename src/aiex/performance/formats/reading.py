"""Profiles read back from files: Aiex' own JSON, and speedscope's, Aiex' or another tool's."""

import msgspec

from aiex.errors import AiexError
from aiex.performance.formats.saved_profile import from_saved
from aiex.performance.formats.speedscope import from_speedscope
from aiex.performance.profile import Profile

_READABLE = "Profiles are read from .json and .speedscope.json files."


class ProfileUnreadable(AiexError):
    """The file has no profile that can be read."""


def read_profile(document: bytes, name: str) -> Profile:
    """The profile in a file called `name`; raises `ProfileUnreadable` with what to do."""
    try:
        keys = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
        return from_speedscope(document) if "$schema" in keys else from_saved(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProfileUnreadable(
            f"{name} is not a profile that can be read. {_READABLE} ({error})"
        ) from error
    except ValueError as error:
        raise ProfileUnreadable(f"{name} cannot be read: {error}. {_READABLE}") from error
