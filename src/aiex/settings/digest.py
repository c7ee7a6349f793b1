"""Settings by digest: whether two nodes are set the same, without saying how."""

from hashlib import sha256

import msgspec

from aiex.settings.settings import Settings
from aiex.settings.shown import setting_rows

DIGEST_CHARS = 16
# What is a node's own by its nature; two nodes must differ in it.
_OWN = frozenset({"node.name", "node.zone", "node.data_dir"})


def settings_digest(settings: Settings) -> dict[str, str]:
    """A digest for each section; secrets are left out, so two that differ there look the same."""
    rows: dict[str, list[tuple[str, object]]] = {name: [] for name in Settings.__struct_fields__}
    # Sorted, since the order in which somebody wrote their providers down means nothing.
    for path, value in sorted(setting_rows(settings), key=lambda row: row[0]):
        if path not in _OWN:
            rows[path.partition(".")[0]].append((path, value))
    return {
        section: sha256(msgspec.json.encode(of_section)).hexdigest()[:DIGEST_CHARS]
        for section, of_section in rows.items()
    }
