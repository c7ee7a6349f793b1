"""Which cluster this node is told to form: by its settings, or by an operator while it runs.

What an operator said is kept in the data directory, so that the next start does not need it again.
It counts only where the settings say nothing: those are the last word of whoever wrote them.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Literal

import msgspec

from aiex.cluster import CHARTER_FILE, load_charter
from aiex.errors import SettingsError, StartError
from aiex.node.data_directory import LEFT_FILE
from aiex.node.finding import Finding, build_finding
from aiex.private_file import write_private
from aiex.settings import ClusterSettings, Secret, Settings, conflicts

JOINED_FILE = "joined.json"


class JoinRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to find the others, as in the settings' section `cluster`; what is left out is theirs."""

    discovery: Literal["local", "static", "dns"]
    seeds: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    dns_name: str | msgspec.UnsetType = msgspec.UNSET
    carriers: Literal[1, 3, 5] | msgspec.UnsetType = msgspec.UNSET
    host: str | msgspec.UnsetType = msgspec.UNSET
    route_port: int | msgspec.UnsetType = msgspec.UNSET
    client_port: int | msgspec.UnsetType = msgspec.UNSET
    secret: str | msgspec.UnsetType = msgspec.UNSET

    def applied(self, settings: ClusterSettings) -> ClusterSettings:
        """The settings with what was asked for in its place."""
        given = {
            field: value
            for field in self.__struct_fields__
            if (value := getattr(self, field)) is not msgspec.UNSET
        }
        if "secret" in given:
            given["secret"] = Secret(given["secret"])
        return msgspec.structs.replace(settings, **given)

    def __repr__(self) -> str:
        return f"JoinRequest(discovery={self.discovery!r}, seeds={self.seeds!r}, …)"


class Joining:
    """Reads and keeps what this node was told to join; `cluster` are the settings that count."""

    def __init__(self, settings: Settings, node: str, data_dir: Path, meeting_dir: Path) -> None:
        self._settings = settings
        self.cluster = settings.cluster
        self._node = node
        self._file = data_dir / JOINED_FILE
        self._charter_file = data_dir / CHARTER_FILE
        self._left_file = data_dir / LEFT_FILE
        self._meeting_dir = meeting_dir

    def finding(self) -> Finding:
        """How the others are found at this start.

        Raises `StartError` also for a node on its own whose state is in a cluster: what it would
        begin with were an empty store.
        """
        settings = self.cluster = self._in_force()
        if settings.discovery == "none" and not self._settings.engine.url:
            self._check_alone(settings.name)
        return build_finding(settings, self._node, self._meeting_dir)

    def join(self, asked: JoinRequest) -> Finding:
        """How the others are found from now on, kept for later starts.

        Raises `SettingsError` with what does not fit together, `OSError` when it cannot be kept.
        """
        wanted = msgspec.structs.replace(
            self._settings, cluster=asked.applied(self._settings.cluster)
        )
        problems = [(path, text) for path, text in conflicts(wanted) if path[0] == "cluster"]
        if problems:
            texts = (f"{'.'.join(map(str, path))}: {text}" for path, text in problems)
            raise SettingsError("; ".join(texts) + ".")
        found = build_finding(wanted.cluster, self._node, self._meeting_dir)
        write_private(self._file, msgspec.json.encode(asked))
        self.cluster = wanted.cluster
        return found

    def left(self) -> None:
        """This node handed over what it had: it forgets what it joined, drains and stops.

        Whoever started it finds in its directory that this was no crash (`aiex up` looks).
        """
        self._file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            write_private(self._left_file, b"")
        os.kill(os.getpid(), signal.SIGTERM)

    def _check_alone(self, cluster: str) -> None:
        charter = load_charter(self._charter_file, cluster)
        if charter is None or len(charter.carriers) == 1:
            return
        names = ", ".join(charter.names)
        raise StartError(
            f"This node has its state in the cluster {cluster}, which {names} carry. Start it as "
            "one of them (aiex up --nodes 3, or cluster.discovery in the settings), and take it "
            "out with aiex cluster leave."
        )

    def _in_force(self) -> ClusterSettings:
        settings = self._settings.cluster
        if settings.discovery != "none" or self._settings.engine.url:
            return settings
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=JoinRequest).applied(settings)
        except (OSError, msgspec.DecodeError):
            return settings
