"""Which node a command talks to: the one named, else the environment's, else the only one here.

Of several that form one cluster any will do: the one named after the host, else the first by name.

A node that runs keeps `node.json` and `admin.token` in its data directory; both can be read by its
owner only, so another user's nodes are not found.
"""

import fcntl
import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from aiex.errors import AiexError

DIRECTORIES_MAX = 200
LEFT_FILE = "left"  # as a node writes it that left its cluster
TOKEN_VARIABLE = "AIEX_ADMIN__TOKEN"  # noqa: S105 - the name of a variable
START_HINT = "Start one with `aiex up`"


class NodeNotFound(AiexError):
    """No node runs here. Start one with `aiex up`, or name one with --admin-url."""


class RunningNode(msgspec.Struct, frozen=True):
    """What `node.json` says."""

    name: str
    pid: int
    api_url: str
    admin_url: str
    version: str = ""
    started_at: str = ""
    cluster: str = ""  # equal for the nodes of one cluster; empty for one that forms none
    shared_api_url: str = ""  # answered by any node of this machine that shares the port


def has_left(data_dir: Path) -> bool:
    """Whether the node of that directory left its cluster, and was not started since."""
    return (data_dir / LEFT_FILE).exists()


class NodeChoice(msgspec.Struct, frozen=True):
    """What the user said about which node is meant; empty where nothing was said."""

    name: str = ""
    admin_url: str = ""
    data_dir: str = ""


class AdminAccess(msgspec.Struct, frozen=True):
    """Where a node's admin API is, and the token for it with the place it came from.

    `chosen` is the node's name where it was one of several that would have done; `data_dir` is
    the directory of one that runs on this machine.
    """

    url: str
    token: str = ""
    token_source: str = ""
    api_url: str = ""
    chosen: str = ""
    data_dir: str = ""


def data_home(environment: Mapping[str, str]) -> Path:
    """The directory with one data directory per node of this user."""
    if chosen := environment.get("XDG_DATA_HOME"):
        return Path(chosen) / "aiex"
    return home(environment) / ".local" / "share" / "aiex"


def home(environment: Mapping[str, str]) -> Path:
    """The user's home; /tmp for a bare numeric user without HOME, as in some containers."""
    if chosen := environment.get("HOME"):
        return Path(chosen)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path("/tmp")  # noqa: S108 - where the node keeps its directory then, mode 0700


def read_node(directory: Path) -> RunningNode | None:
    """The node running in a data directory; None when there is none, or it died without a word."""
    node = announced_node(directory)
    return node if node is not None and _is_held(directory / "lock", node.pid) else None


def announced_node(directory: Path) -> RunningNode | None:
    """What `node.json` says, be it true still or left behind by a node that died."""
    try:
        return msgspec.json.decode((directory / "node.json").read_bytes(), type=RunningNode)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def running_nodes(root: Path) -> dict[Path, RunningNode]:
    """All nodes of this user that run, by data directory."""
    try:
        directories = sorted(root.iterdir())[:DIRECTORIES_MAX]
    except OSError:
        return {}
    found = {directory: read_node(directory) for directory in directories}
    return {directory: node for directory, node in found.items() if node is not None}


def admin_access(
    choice: NodeChoice, environment: Mapping[str, str], *, host_name: str
) -> AdminAccess:
    """How to reach the node meant; raises `NodeNotFound` when that is nobody or not clear."""
    root = data_home(environment)
    url = choice.admin_url
    if not url and not choice.name and not choice.data_dir:
        url = environment.get("AIEX_ADMIN_URL", "")
    if url:
        return _access_by_url(url.rstrip("/"), choice, environment)
    directory, chosen = _directory(choice, environment, root), ""
    if directory is None:
        nodes = running_nodes(root)
        directory = only_directory(nodes, host_name)
        chosen = nodes[directory].name if len(nodes) > 1 else ""
    node = read_node(directory)
    if node is None:
        raise NodeNotFound(
            f"No node runs in {directory}. {START_HINT}, or look for another with --data-dir or "
            "--admin-url."
        )
    token, source = _token(environment, directory)
    return AdminAccess(node.admin_url, token, source, node.api_url, chosen, str(directory))


def only_directory(
    nodes: Mapping[Path, RunningNode], host_name: str, *, flag: str = "--node NAME"
) -> Path:
    """The data directory of the one node that is meant; raises `NodeNotFound` if that is not clear.

    It is the only one, the one named after the host, or any of one cluster.
    """
    if len(nodes) == 1:
        return next(iter(nodes))
    if not nodes:
        raise NodeNotFound(
            f"No node runs here. {START_HINT}, or name its data directory with --data-dir, "
            "or its admin API with --admin-url."
        )
    for directory, node in nodes.items():
        if node.name == host_name:
            return directory
    clusters = {node.cluster for node in nodes.values()}
    if len(clusters) == 1 and clusters != {""}:
        return min(nodes, key=lambda directory: nodes[directory].name)
    names = ", ".join(sorted(node.name for node in nodes.values()))
    raise NodeNotFound(f"Several nodes run here: {names}. Choose one with {flag}.")


def _access_by_url(url: str, choice: NodeChoice, environment: Mapping[str, str]) -> AdminAccess:
    """A token of this machine is sent only where its own node is, unless the user names both."""
    root = data_home(environment)
    directory = _directory(choice, environment, root)
    node = read_node(directory) if directory else None
    is_named = bool(choice.data_dir or choice.name)
    if not is_named and (node is None or node.admin_url.rstrip("/") != url):
        local = running_nodes(root).items()
        at_url = [(one, node) for one, node in local if node.admin_url.rstrip("/") == url]
        directory, node = next(iter(at_url), (None, None))
    token, source = _token(environment, directory)
    is_there = node is not None and node.admin_url.rstrip("/") == url
    return AdminAccess(
        url,
        token,
        source,
        node.api_url if node else "",
        data_dir=str(directory) if is_there else "",
    )


def _directory(choice: NodeChoice, environment: Mapping[str, str], root: Path) -> Path | None:
    if choice.data_dir:
        return Path(choice.data_dir).expanduser()
    if choice.name:
        return root / choice.name
    # Set for the node itself, as in a container: `docker exec … aiex status` should just work.
    of_node = environment.get("AIEX_NODE__DATA_DIR", "")
    return Path(of_node).expanduser() if of_node else None


def _token(environment: Mapping[str, str], directory: Path | None) -> tuple[str, str]:
    """The admin token and where it came from; empty when there is none."""
    if token := environment.get(TOKEN_VARIABLE):
        return token, TOKEN_VARIABLE
    candidates: Sequence[tuple[Path, str]] = ()
    if named := environment.get(f"{TOKEN_VARIABLE}_FILE"):
        candidates = [(Path(named), f"{named} ({TOKEN_VARIABLE}_FILE)")]
    elif directory is not None:
        candidates = [(directory / "admin.token", str(directory / "admin.token"))]
    for file, source in candidates:
        try:
            return file.read_text().strip(), source
        except (OSError, UnicodeDecodeError):
            continue
    return "", ""


def _is_held(lock: Path, pid: int) -> bool:
    """Whether that node holds its data directory; a pid alone may be another program's by now."""
    try:
        with lock.open("rb") as held:
            if held.read(20).strip() != b"%d" % pid:
                return False
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
