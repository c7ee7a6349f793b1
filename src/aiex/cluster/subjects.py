"""Where the nodes of one cluster talk: the engine's subjects, by the cluster's and nodes' names."""

from urllib.parse import quote


def members_subject(cluster: str) -> str:
    """Where everybody speaks and listens."""
    return f"aiex.{cluster}.members"


def node_subject(cluster: str, name: str) -> str:
    """Where one node is asked, and below it called; any text can be a node's name.

    Not any can be in a subject.
    """
    return f"aiex.{cluster}.node.{quote(name, safe='').replace('.', '%2E')}"


def charter_subject(cluster: str) -> str:
    """Where any node is asked for the charter it knows."""
    return f"aiex.{cluster}.charter"
