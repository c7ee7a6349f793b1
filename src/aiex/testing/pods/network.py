"""The node's network: a namespace for each pod, a cable from it to the node, the node's rules.

        pod 10.244.0.2     pod 10.244.0.3    client 10.244.0.4
             │                  │                 │              each a namespace of its own,
        ┌────┴──────────────────┴─────────────────┴────┐         all they send crosses the node:
        │ node: forwards, translates the addresses of  │         services and network policies
        │ services, drops what policies do not allow   │         are rules there (nftables)
        └──────────────────────────────────────────────┘

It is made and used by one thread, which lives in the node's namespace. No address is used twice.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiex.testing.namespaces import held, in_thread, inside, ip, new_network, program, run

NODE_ADDRESS = "192.168.77.1"
SERVICE_NET = "10.96.0.0/16"


class PodNetwork:
    """Make it in the thread that is to be the node: the thread enters a namespace of its own."""

    def __init__(self) -> None:
        os.unshare(os.CLONE_NEWNET)
        self._node = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._number = 1
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        # What is not of the cluster goes to a place where nobody is.
        ip(
            self._node,
            "link set lo up",
            f"address add {NODE_ADDRESS}/32 dev lo",
            "link add outside type bridge",
            "link set outside up",
            "route add default dev outside",
        )

    def attach(self) -> "Place":
        """A new namespace with an address, reachable from the others."""
        self._number += 1
        address = f"10.244.{self._number // 256}.{self._number % 256}"
        link = f"pod{self._number}"
        network = in_thread(new_network)
        ip(
            self._node,
            f"link add {link} type veth peer name eth0 netns {held(network)}",
            f"link set {link} up",
            f"route add {address}/32 dev {link}",
        )
        ip(
            network,
            "link set lo up",
            f"address add {address}/32 dev eth0",
            "link set eth0 up",
            f"route add {NODE_ADDRESS}/32 dev eth0",
            f"route add default via {NODE_ADDRESS} dev eth0",
        )
        return Place(address, network, link, self._node)

    def set_rules(self, text: str) -> None:
        """These nftables rules and no others, changed at one moment."""
        table = "table ip cluster"
        run([program("nft"), "-f", "-"], f"{table} {{}}\ndelete {table}\n{table} {{\n{text}\n}}\n")

    def close(self) -> None:
        os.close(self._node)


class Place:
    """A namespace with an address: a pod's, or that of a client which is no pod."""

    def __init__(self, address: str, network: int, link: str, node: int) -> None:
        self.address = address
        self._network, self._link, self._node = network, link, node

    @property
    def path(self) -> str:
        """The namespace as a path for any process."""
        return held(self._network)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """What this thread opens in the block is there."""
        with inside(self._network):
            yield

    def open_socket(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        """A socket that is there, whoever uses it."""
        with inside(self._network):
            return socket.socket(socket.AF_INET, kind)

    def connect_to(self, address: str, port: int, timeout_s: float) -> socket.socket:
        """A connection from there; raises `OSError`."""
        with contextlib.ExitStack() as undo:
            opened = undo.enter_context(self.open_socket())
            opened.settimeout(timeout_s)
            opened.connect((address, port))
            undo.pop_all()
            return opened

    def close(self) -> None:
        """The cable goes at once, as when a sandbox is taken down."""
        ip(self._node, f"link del {self._link}")
        os.close(self._network)


def resolver(namespace: str, server: str, spec: dict[str, Any]) -> str:
    """The `resolv.conf` of a pod."""
    config = spec.get("dnsConfig") or {}
    searches = [f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    options = {"ndots": "5"} | {
        one["name"]: one.get("value", "") for one in config.get("options", ())
    }
    words = [f"{name}:{value}" if value else name for name, value in options.items()]
    return (
        f"nameserver {server}\n"
        f"search {' '.join([*searches, *config.get('searches', ())])}\n"
        f"options {' '.join(words)}\n"
    )
