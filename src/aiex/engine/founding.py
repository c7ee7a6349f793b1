"""The founding of a cluster's state: what says, in the cluster itself, that the state is there.

Servers that have just become a cluster have no streams, and to a node that looks for its keys this
is the same as a cluster whose keys were all deleted. So the state of a clustered engine is used
only once it is *founded*: one carrier moved its own state in, or all carriers said that they have
none (`state_keeper.py`). The record is an entry of a bucket, changed by compare-and-set, and kept
by the very servers that keep the state.

When the state leaves the cluster for a node that goes on alone, the record says so first.
"""

import base64

import msgspec

from aiex.engine.bucket import Entry

BUCKET = "engine"
KEY = "founding"
STREAM = f"KV_{BUCKET}"

ON_ITS_WAY = "the state is on its way into the cluster"


class Founding(msgspec.Struct, frozen=True):
    """`by` founded it; `move` is the id of the move that brought the state, empty without one.

    `home` is the node the state leaves for, if any, by the move `home_move`. Until it `is_gone` the
    others may take it back; `taken_back` is the last move that was.
    """

    by: str
    move: str = ""
    home: str = ""
    home_move: str = ""
    is_gone: bool = False
    taken_back: str = ""

    def leaving_for(self, home: str, move: str) -> "Founding":
        return msgspec.structs.replace(self, home=home, home_move=move, is_gone=False)

    def gone(self) -> "Founding":
        return msgspec.structs.replace(self, is_gone=True)

    def back(self) -> "Founding":
        return msgspec.structs.replace(
            self, home="", home_move="", is_gone=False, taken_back=self.home_move
        )

    @property
    def withheld(self) -> str:
        """Why the state is not to be used now, as a phrase; empty when it is."""
        return f"the state is on its way to the node {self.home}" if self.home else ""

    def encoded(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def of(cls, entry: Entry | None) -> "Founding | None":
        return None if entry is None else msgspec.json.decode(entry.value, type=cls)

    @classmethod
    def of_stored(cls, data: str) -> "Founding":
        """Read from the data of a stored message, as the server gives it."""
        return msgspec.json.decode(base64.b64decode(data), type=cls)


def question() -> tuple[str, bytes]:
    """The request that asks a server for the record: its subject and its body."""
    body = {"last_by_subj": f"$KV.{BUCKET}.{KEY}"}
    return f"$JS.API.STREAM.MSG.GET.{STREAM}", msgspec.json.encode(body)
