"""The founding of a cluster's state: what says, in the cluster itself, that the state is there.

Servers that have just become a cluster have no streams, and to a node that looks for its keys this
is the same as a cluster whose keys were all deleted. So the state of a clustered engine is used
only once it is *founded*: one carrier moved its own state in, or all carriers said that they have
none (`state_keeper.py`). The record is a stream without messages: made once, kept by the very
servers that keep the state, and its metadata says who did it.

When the state leaves the cluster again, for a node that goes on alone, the record says that first.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

STREAM = "aiex_founding"

ON_ITS_WAY = "the state is on its way into the cluster"

_BY = "aiex.founded_by"
_MOVE = "aiex.move"
_HOME = "aiex.home"
_HOME_MOVE = "aiex.home_move"


class Founding(msgspec.Struct, frozen=True):
    """`by` founded it with the move of that id; `home` is the node the state leaves for, if any."""

    by: str
    move: str
    home: str = ""
    home_move: str = ""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Founding":
        """Read from the configuration of the stream."""
        told = config.get("metadata") or {}
        return cls(
            told.get(_BY, ""), told.get(_MOVE, ""), told.get(_HOME, ""), told.get(_HOME_MOVE, "")
        )

    @property
    def withheld(self) -> str:
        """Why the state is not to be used now, as a phrase; empty when it is."""
        return f"the state is on its way to the node {self.home}" if self.home else ""

    def stream_config(self, cluster: str, replica_count: int) -> dict[str, Any]:
        told = {_BY: self.by, _MOVE: self.move, _HOME: self.home, _HOME_MOVE: self.home_move}
        return {
            "name": STREAM,
            "subjects": [f"aiex.{cluster}.founding"],
            "storage": "file",
            "num_replicas": replica_count,
            "max_msgs": 1,
            "deny_delete": True,
            "metadata": {key: value for key, value in told.items() if value},
        }
