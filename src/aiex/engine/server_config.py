"""The configuration of a server on its own, and where the embedded engine's files are, as values.

    <data directory>/engine/
    ├── server.conf        written at each start, 0600
    ├── credentials.json   made once, 0600
    ├── lock               held by the server that has the standalone store, as long as it lives
    ├── standalone/        the JetStream store of a node on its own
    ├── cluster.lock       the same for the store of a clustered server
    └── cluster/           the JetStream store of a server among others

A store that was written standalone is deleted by nats-server when it is opened with a `cluster`
block. So the two modes never share a directory: this module writes no `cluster` block, and
`server_config_cluster` never names the standalone store. `docs/internals/engine-storage.md` tells
how the content moves from one to the other.
"""

import secrets
from collections.abc import Iterable
from pathlib import Path

import msgspec

from aiex.engine.address import EngineAddress
from aiex.engine.engine_tls import EngineTls
from aiex.engine.node_permissions import Permissions
from aiex.private_file import write_private

# With its own default the server takes three quarters of the disk that is free when it starts as a
# limit, which shrinks with every restart of a store that has grown. The disk itself is the limit.
STORE_LIMIT = "1TB"
MEMORY_LIMIT = "256MB"
# A handshake over a bad line may take two round trips more than the server's own 2 s allow.
TLS_TIMEOUT_S = 5


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

    @property
    def private_config(self) -> Path:
        """Of the server that has the standalone store while its content is moved."""
        return self.root / "private.conf"

    @property
    def move(self) -> Path:
        """What a move of the state that is under way has done so far."""
        return self.root / "move.json"

    @property
    def arriving(self) -> Path:
        """A standalone store that the cluster's state is copied into; whole, it becomes `store`."""
        return self.root / "standalone.arriving"

    def cluster_lock(self, generation: int) -> Path:
        return self.root / f"cluster-{generation}.lock"

    def cluster_store(self, generation: int) -> Path:
        """Each foundation has its own: the stores of two must never meet."""
        return self.root / f"cluster-{generation}"


class Credentials(msgspec.Struct, frozen=True):
    """Who may use a server, and the password that proves it."""

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
        credentials = fresh_credentials()
        write_private(file, msgspec.json.encode(credentials))
        return credentials


def fresh_credentials() -> Credentials:
    """Known to nobody yet."""
    return Credentials("aiex", secrets.token_urlsafe(32))


def server_config(
    address: EngineAddress,
    store: Path,
    server_name: str,
    *,
    permissions: Permissions | None = None,
) -> str:
    """The text of `server.conf` for a server on its own, in ASCII; one user, in one account.

    Without `permissions` the user may do everything in it.
    """
    return config_text(
        [
            *listening(address, server_name),
            "authorization {",
            f"  users: [{user_block(address.user, address.password, permissions)}]",
            "}",
            *jetstream(store),
        ]
    )


def config_text(lines: Iterable[str]) -> str:
    return "\n".join([*lines, ""])


def listening(address: EngineAddress, server_name: str) -> list[str]:
    """Where clients are served. Payloads up to 8 MB: a request with pictures is one message."""
    lines = [
        f"server_name: {quoted(server_name)}",
        f"listen: {quoted(f'{bracketed(address.host)}:{address.port}')}",
        "max_payload: 8MB",
        "ping_interval: 1s",
        "ping_max: 2",
        "write_deadline: 5s",
    ]
    if address.tls is not None:
        lines += tls_block(address.tls, indent="")
    return lines


def jetstream(store: Path) -> list[str]:
    """`sync_interval: always`: an acknowledged write is on the disk."""
    return [
        "jetstream {",
        f"  store_dir: {quoted(str(store))}",
        "  sync_interval: always",
        f"  max_file_store: {STORE_LIMIT}",
        f"  max_memory_store: {MEMORY_LIMIT}",
        "}",
    ]


def user_block(user: str, password: str, permissions: Permissions | None) -> str:
    login = f"user: {quoted(user)}, password: {quoted(password)}"
    if permissions is None:
        return f"{{{login}}}"
    publish = f"allow: {_subjects(permissions.publish)}"
    denied = f"deny: {_subjects(permissions.publish_denied)}"
    subscribe = f"allow: {_subjects(permissions.subscribe)}"
    may = f"publish: {{{publish}, {denied}}}, subscribe: {{{subscribe}}}"
    return f"{{{login}, permissions: {{{may}}}}}"


def tls_block(tls: EngineTls, *, indent: str) -> list[str]:
    """Both sides show a certificate that the authority signed, or do not talk."""
    inside = [
        "tls {",
        f"  cert_file: {quoted(tls.certificate_file)}",
        f"  key_file: {quoted(tls.key_file)}",
        f"  ca_file: {quoted(tls.ca_file)}",
        "  verify: true",
        f"  timeout: {TLS_TIMEOUT_S}",
        "}",
    ]
    return [indent + line for line in inside]


def bracketed(host: str) -> str:
    """As it stands before a port."""
    return f"[{host}]" if ":" in host else host


def quoted(text: str) -> str:
    """A string of the format, which knows `\\xHH` for a byte (and not JSON's `\\uHHHH`)."""
    content = text.encode(errors="surrogateescape")
    return '"' + "".join(map(_escaped, content)) + '"'


def _subjects(subjects: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, subjects))}]"


def _escaped(byte: int) -> str:
    is_plain = 0x20 <= byte < 0x7F and byte not in b'"\\'
    return chr(byte) if is_plain else f"\\x{byte:02x}"
