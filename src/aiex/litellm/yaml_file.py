"""The YAML of a configuration file as plain values.

With PyYAML, because LiteLLM reads its file with PyYAML's safe loader: the same file then means the
same here, with YAML 1.1's `on`, `yes` and dates.
"""

import yaml

from aiex.errors import AiexError

# A configuration is kilobytes; what is more is another file, or one made to be slow to read.
BYTES_MAX = 4 * 1024 * 1024


class LitellmConfigError(AiexError):
    """The file cannot be read as a configuration of LiteLLM."""


def load_yaml(raw: bytes) -> object:
    """The file's content; raises `LitellmConfigError` when it is no YAML."""
    if len(raw) > BYTES_MAX:
        raise LitellmConfigError(f"The file is larger than {BYTES_MAX:,} bytes.")
    try:
        return yaml.safe_load(raw)
    except yaml.MarkedYAMLError as error:
        # Its text quotes the line, which may hold a secret.
        raise LitellmConfigError(f"The file is not valid YAML{_place(error)}.") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise LitellmConfigError("The file is not valid YAML.") from error


def _place(error: object) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    line = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    # PyYAML names characters and tags in its problems, never values.
    return f"{line}: {problem}" if problem else line
