"""Small roots that a checker has nothing to say of, for tests that plant something in one."""

import importlib.util
from pathlib import PurePosixPath

from deploy.docker.root_entries import Entries, Entry, Kind
from deploy.docker.system_files import DATA_DIRECTORY, USER_ID

MODULE = "opt/aiex/lib/python3.13/site-packages/aiex/node.py"
SOURCE = b"answer = 42\n"
PASSWD = f"root:x:0:0:root:/:/sbin/nologin\naiex:x:{USER_ID}:{USER_ID}::/:/sbin/nologin\n".encode()


def file(path: str, content: bytes = b"", mode: int = 0o644, uid: int = 0) -> Entry:
    return Entry(
        PurePosixPath(path), Kind.FILE, mode, uid, uid, len(content), "", False, lambda: content
    )


def directory(path: str, mode: int = 0o755, uid: int = 0) -> Entry:
    return Entry(PurePosixPath(path), Kind.DIRECTORY, mode, uid, uid, 0, "", False, bytes)


def link(path: str, target: str) -> Entry:
    return Entry(PurePosixPath(path), Kind.LINK, 0o777, 0, 0, 0, target, False, bytes)


def bytecode(source: bytes, flags: int = 0b1) -> bytes:
    """The header of bytecode that belongs to a source by its hash."""
    magic = importlib.util.MAGIC_NUMBER
    return magic + flags.to_bytes(4, "little") + importlib.util.source_hash(source) + b"code"


def root(*more: Entry) -> Entries:
    """A root with a user, a place for data, a program and a module; and what is planted."""
    cached = "opt/aiex/lib/python3.13/site-packages/aiex/__pycache__/node.cpython-313.pyc"
    entries = [
        file("etc/passwd", PASSWD),
        directory(str(DATA_DIRECTORY), 0o700, USER_ID),
        directory("tmp", 0o1777),
        directory("opt"),
        directory("opt/aiex"),
        directory("opt/aiex/bin"),
        file("opt/aiex/bin/aiex", b"#!/opt/aiex/bin/python\n", 0o755),
        file(MODULE, SOURCE),
        file(cached, bytecode(SOURCE)),
        *more,
    ]
    return {entry.path: entry for entry in entries}
