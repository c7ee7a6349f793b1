"""The embedded server's configuration file and where its files are, as values.

    <data directory>/engine/
    ├── server.conf        written at each start, 0600
    ├── credentials.json   made once, 0600
    ├── lock               held by the server for as long as it lives
    └── standalone/        the JetStream store of a node on its own

A store that was written standalone is deleted by nats-server when it is opened with a `cluster`
block. So the two modes never share a directory: this module writes no `cluster` block, and a
clustered server will keep its store in `engine/cluster/`. `docs/internals/engine-storage.md` tells
how the content moves from one to the other.
"""

import secrets
from pathlib import Path

import msgspec

from aiex.engine.address import EngineAddress
from aiex.private_file import write_private

# With its own default the server takes three quarters of the disk that is free when it starts as a
# limit, which shrinks with every restart of a store that has grown. The disk itself is the limit.
STORE_LIMIT = "1TB"
MEMORY_LIMIT = "256MB"


class EngineFiles(msgspec.Struct, frozen=True):
    """The files of the embedded engine below a data directory."""

    root: Path

    @classmethod
    def below(cls, data_dir: Path) -> "EngineFiles":
        return cls(data_dir / "engine")

    @property
    def config(self) -> Path:
        return self.root / "server.conf"

    @property
    def credentials(self) -> Path:
        return self.root / "credentials.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def store(self) -> Path:
        return self.root / "standalone"


class Credentials(msgspec.Struct, frozen=True):
    """Who may use the embedded server: this node."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, password=…)"


def load_credentials(file: Path) -> Credentials:
    """The node's own credentials, made at the first call; raises `OSError`."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Credentials)
    except (FileNotFoundError, msgspec.DecodeError):
        # Nobody else knows them, so a file that was cut short is simply made anew.
        credentials = Credentials("aiex", secrets.token_urlsafe(32))
        write_private(file, msgspec.json.encode(credentials))
        return credentials


def server_config(address: EngineAddress, store: Path, server_name: str) -> str:
    """The text of `server.conf` for a server on its own, in ASCII; there is none for a cluster.

    `sync_interval: always`: an acknowledged write is on the disk. Payloads up to 8 MB: a request
    with pictures is kept in one message.
    """
    return "\n".join(
        [
            f"server_name: {_quoted(server_name)}",
            f'listen: "{address.host}:{address.port}"',
            "max_payload: 8MB",
            "ping_interval: 1s",
            "ping_max: 2",
            "write_deadline: 5s",
            "authorization {",
            f"  user: {_quoted(address.user)}",
            f"  password: {_quoted(address.password)}",
            "}",
            "jetstream {",
            f"  store_dir: {_quoted(str(store))}",
            "  sync_interval: always",
            f"  max_file_store: {STORE_LIMIT}",
            f"  max_memory_store: {MEMORY_LIMIT}",
            "}",
            "",
        ]
    )


def _quoted(text: str) -> str:
    """A string of the format, which knows `\\xHH` for a byte (and not JSON's `\\uHHHH`)."""
    content = text.encode(errors="surrogateescape")
    return '"' + "".join(map(_escaped, content)) + '"'


def _escaped(byte: int) -> str:
    is_plain = 0x20 <= byte < 0x7F and byte not in b'"\\'
    return chr(byte) if is_plain else f"\\x{byte:02x}"
