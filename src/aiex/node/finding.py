"""How this node finds the others and gets into their engine, as the settings say."""

from pathlib import Path
from typing import NamedTuple

from aiex.cluster import (
    CHARTER_FILE,
    Discovery,
    DnsDiscovery,
    DnsLookup,
    LocalDiscovery,
    Meeting,
    StaticDiscovery,
    meeting_secret,
)
from aiex.engine import Alone, Client, ClusterAccess, Engine, EngineTls, Seat
from aiex.settings import ClusterSettings


class Finding(NamedTuple):
    """A node on its own has neither a discovery nor an access."""

    discovery: Discovery | None
    access: ClusterAccess | None


def build_finding(settings: ClusterSettings, node: str, meeting_dir: Path) -> Finding:
    """Raises `StartError` when the secret of this machine's nodes cannot be had."""
    match settings.discovery:
        case "none":
            return Finding(None, None)
        case "local":
            discovery: Discovery = LocalDiscovery(settings, node, Meeting(meeting_dir))
        case "static":
            discovery = StaticDiscovery(settings)
        case "dns":
            discovery = DnsDiscovery(settings, node, lookup=DnsLookup())
    if settings.secret is not None:
        secret = settings.secret.reveal()
    else:
        # On loopback, where else nobody may do without one (`aiex.settings.conflicts`).
        secret = meeting_secret(meeting_dir)
    return Finding(discovery, ClusterAccess(settings.name, secret, _tls(settings)))


def first_seat(engine: Engine, data_dir: Path) -> Seat:
    """Until it is known who carries the engine: with its own state a node begins alone.

    One that has been in a cluster has its state there. Reads the data directory.
    """
    was_in_cluster = (data_dir / CHARTER_FILE).exists()
    return Alone() if engine.holds_state and not was_in_cluster else Client(())


def _tls(settings: ClusterSettings) -> EngineTls | None:
    if not settings.tls_certificate_file:
        return None
    return EngineTls(settings.tls_certificate_file, settings.tls_key_file, settings.tls_ca_file)
