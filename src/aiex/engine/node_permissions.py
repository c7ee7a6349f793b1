"""What the nodes of a cluster may say and hear at its engine: no more than they need.

They are let into one account, whose streams they may make, read, copy and remove, since they carry
the cluster's state. They may not touch the servers (`$JS.API.META`, `.SERVER`, `.ACCOUNT`, `$SYS`),
other clusters' subjects, or messages already stored: no purge, no deletion from a stream.
"""

import msgspec


class Permissions(msgspec.Struct, frozen=True):
    """Subjects; what is not allowed is refused, and so is what is both allowed and denied."""

    publish: tuple[str, ...]
    publish_denied: tuple[str, ...]
    subscribe: tuple[str, ...]


def node_permissions(cluster: str) -> Permissions:
    return Permissions(
        publish=(
            f"aiex.{cluster}.>",
            "_INBOX.>",  # answers
            "$KV.>",
            "aiex_rows.>",  # of tables
            "aiex_birth.>",  # of streams in memory
            "$JS.API.INFO",
            "$JS.API.STREAM.>",
            "$JS.API.CONSUMER.>",
            "$JS.API.DIRECT.GET.>",
            "$JS.ACK.>",
            "$JS.FC.>",  # flow control of watches
            "$JS.SNAPSHOT.>",  # the chunks of a stream that is copied, both ways
        ),
        publish_denied=("$JS.API.STREAM.PURGE.>", "$JS.API.STREAM.MSG.DELETE.>"),
        subscribe=(f"aiex.{cluster}.>", "_INBOX.>"),
    )
