"""Files that only their owner may read, replaced whole: a crash leaves the old or the new one."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` with mode 0600. Raises `OSError`; the old file is then untouched."""
    with private_draft(path) as draft:
        draft.write(content)


@contextmanager
def private_draft(path: Path) -> Iterator[BinaryIO]:
    """A file, mode 0600, that is at `path` once the block ends; when it raises, nothing is."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # What a crash left or somebody laid here may be open to others: never written into.
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            os.fchmod(descriptor, 0o600)  # whatever the umask
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
