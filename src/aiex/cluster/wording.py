"""Names in sentences."""

from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """As in "a, b and c"; "none" where there is none."""
    if len(names) < 2:
        return "".join(names) or "none"
    return ", ".join(names[:-1]) + f" and {names[-1]}"


def are(names: Sequence[str]) -> str:
    """The verb that follows them."""
    return "is" if len(names) == 1 else "are"
