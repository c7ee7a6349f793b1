"""Is there fresh bytecode for every module of a root? Without it each start compiles anew, and a
read-only root cannot keep the result.

Bytecode says itself how its age is told: by its source's time and size, or by its source's hash.
"""

import _imp
from collections.abc import Iterator
from pathlib import PurePosixPath

from deploy.docker.root_entries import Entries, Entry, Kind
from deploy.docker.root_rules import Finding

HASHED = 0b1  # flags of PEP 552; what is not hashed goes by time
HEADER_BYTES = 16


def bytecode(entries: Entries) -> Iterator[Finding]:
    """Modules without bytecode, with another source's, and bytecode without a module."""
    compiled: dict[PurePosixPath, list[Entry]] = {}
    for entry in entries.values():
        if entry.path.suffix == ".pyc" and entry.path.parent.name == "__pycache__":
            source = entry.path.parent.parent / f"{entry.path.name.partition('.')[0]}.py"
            compiled.setdefault(source, []).append(entry)
            if source not in entries:
                yield Finding("bytecode", str(entry), "is of a module that is not there")
    for entry in entries.values():
        if entry.kind is Kind.FILE and entry.path.suffix == ".py":
            yield from _of_module(entry, compiled.get(entry.path, []))


def _of_module(source: Entry, compiled: list[Entry]) -> Iterator[Finding]:
    content = source.read()
    if not compiled:
        if _compiles(content):
            yield Finding("bytecode", str(source), "has no bytecode: every start compiles it")
        return
    for entry in compiled:
        if not _is_of(entry.read()[:HEADER_BYTES], content):
            yield Finding(
                "bytecode", str(entry), "is not of its source as it is, or goes by its time"
            )


def _is_of(header: bytes, source: bytes) -> bool:
    """Whether bytecode belongs to a source: by its hash, as no time survives every copy."""
    if len(header) < HEADER_BYTES or not header[4] & HASHED:
        return False
    # The key is the version of the bytecode, so this works for other Pythons than the one running.
    key = int.from_bytes(header[:4], "little")
    return header[8:] == _imp.source_hash(key, source)


def _compiles(source: bytes) -> bool:
    """Whether it is a module at all: packages ship templates that end in .py too."""
    try:
        compile(source, "<root>", "exec")
    except (SyntaxError, ValueError):
        return False
    return True
