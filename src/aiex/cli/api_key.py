"""The API key a command sends: from the environment, or from a file named there, as in a pod."""

from collections.abc import Mapping
from pathlib import Path

from aiex.errors import AiexError

KEY_VARIABLE = "AIEX_API_KEY"
FILE_VARIABLE = "AIEX_API_KEY_FILE"


def api_key(environment: Mapping[str, str]) -> str:
    """The key, empty when none is given; raises `AiexError` when its file cannot be read."""
    if key := environment.get(KEY_VARIABLE, ""):
        return key
    named = environment.get(FILE_VARIABLE, "")
    if not named:
        return ""
    try:
        return Path(named).read_text("utf-8").strip()
    except OSError as error:
        reason = str(error.strerror)
    except UnicodeDecodeError:
        reason = "it holds no text (UTF-8)"
    raise AiexError(f"The API key in {named} ({FILE_VARIABLE}) cannot be read: {reason}.")
