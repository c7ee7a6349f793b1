"""What lets a node into the engine of its cluster: passwords made of one secret, and certificates.

The secret itself is sent to nobody and written nowhere: each kind of login has a password of its
own, HMAC-SHA256 of the secret over what it is for and the cluster's name. So nodes that have the
same secret need not agree on anything else, and whoever reads the configuration of a server cannot
make the other passwords from it, nor those of another cluster.
"""

import base64
import hashlib
import hmac

import msgspec

from aiex.engine.engine_tls import EngineTls
from aiex.engine.server_config import Credentials


class ClusterAccess(msgspec.Struct, frozen=True):
    """`cluster` is the cluster's name; nodes with another name or secret are strangers."""

    cluster: str
    secret: str
    tls: EngineTls | None = None

    @property
    def node(self) -> Credentials:
        """Of the nodes, for their messages and their state."""
        return self._derived("node")

    @property
    def system(self) -> Credentials:
        """Of the system account: to see how the servers are, and to remove one."""
        return self._derived("system")

    @property
    def route(self) -> Credentials:
        """Of the servers among themselves."""
        return self._derived("route")

    def foundation(self, generation: int) -> str:
        """What the servers that were founded together call themselves."""
        return f"{self.cluster}/{generation}"

    def _derived(self, user: str) -> Credentials:
        label = f"aiex engine {user} of {self.cluster}"
        digest = hmac.digest(self.secret.encode(), label.encode(), hashlib.sha256)
        # Without padding and in letters that need no quoting in the address of a route.
        password = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return Credentials(user, password)

    def __repr__(self) -> str:
        return f"ClusterAccess(cluster={self.cluster!r}, secret=…, tls={self.tls!r})"
