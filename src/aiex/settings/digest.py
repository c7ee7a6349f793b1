"""Settings by digest: whether two nodes are set the same, without saying how."""

from hashlib import sha256

import msgspec

from aiex.settings.sections import ClusterSettings
from aiex.settings.settings import Settings
from aiex.settings.shown import setting_rows

DIGEST_CHARS = 16
# What is a node's own by its nature; two nodes must differ in it.
_OWN = frozenset({"node.name", "node.zone", "node.data_dir"})
# What answers a request is the same on every node, or answers depend on which one is asked.
_SHARED_SECTIONS = ("models", "providers", "limits", "prices")
# Of the cluster's section, what nodes have to agree on by themselves. The name and the seeds are
# told as they are.
_SHARED_OF_CLUSTER = ("discovery", "dns_name", "carriers", "client_port", "forget_down_after_s")


def settings_digest(settings: Settings) -> dict[str, str]:
    """A digest for each section; secrets are left out, so two that differ there look the same."""
    rows: dict[str, list[tuple[str, object]]] = {name: [] for name in Settings.__struct_fields__}
    # Sorted, since the order in which somebody wrote their providers down means nothing.
    for path, value in sorted(setting_rows(settings), key=lambda row: row[0]):
        if path not in _OWN:
            rows[path.partition(".")[0]].append((path, value))
    return {section: _digest(of_section) for section, of_section in rows.items()}


def shared_digest(settings: Settings) -> dict[str, str]:
    """A digest of each thing that all nodes of a cluster must have alike, by the setting's name."""
    cluster = settings.cluster
    # With `local` discovery each node takes the next free port, and says so to the others.
    names = [name for name in _SHARED_OF_CLUSTER if name != "client_port" or not _is_local(cluster)]
    of_cluster = {f"cluster.{name}": _digest(getattr(cluster, name)) for name in names}
    of_all = settings_digest(settings)
    return of_cluster | {section: of_all[section] for section in _SHARED_SECTIONS}


def _is_local(cluster: ClusterSettings) -> bool:
    return cluster.discovery == "local"


def _digest(content: object) -> str:
    return sha256(msgspec.json.encode(content)).hexdigest()[:DIGEST_CHARS]
