"""What can be seen of a release without reading its objects: names, ports, nodes, NATS."""

from aiex.kubernetes.look.look import Viewpoint, looked_at, looked_through_api
from aiex.kubernetes.look.names import Names

__all__ = ["Names", "Viewpoint", "looked_at", "looked_through_api"]
