"""The settings of a measured node: a key required, everything recorded, ports of its own."""

from pathlib import Path

from rig.chat import KEY

TOKEN = "bench-admin-7c1f4d9e2b60"
_SETTINGS = """
[node]
name = "{name}"
data_dir = "{data}"
[api]
port = {port}
auth = "required"
key = "{key}"
[admin]
port = {admin_port}
token = "{token}"
[log]
level = "info"
format = "json"
access = true
{more}
"""


def node_settings(name: str, data: Path, *, port: int, admin_port: int, more: str) -> str:
    """As TOML; `more` are the sections in which measured nodes differ."""
    return _SETTINGS.format(
        name=name, data=data, port=port, admin_port=admin_port, key=KEY, token=TOKEN, more=more
    )
