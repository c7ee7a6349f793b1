"""Which servers are new enough: a version as three numbers, read from what a server says."""

import re

# Atomic batches, message time-to-live and counters came until 2.14. Debian 12 has 2.9.
OLDEST = (2, 14, 0)
OLDEST_TEXT = "2.14"

type Version = tuple[int, int, int]

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def version_in(text: str) -> Version | None:
    """The version in `nats-server: v2.15.1` or `2.15.1-RC.2`; None when there is none."""
    found = _VERSION.search(text)
    if found is None:
        return None
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch)


def version_text(version: Version) -> str:
    return ".".join(map(str, version))
