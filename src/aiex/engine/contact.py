"""What is found at a carrier's two ports by who comes along: is it there, does it let us in?

A server says its name and its cluster's before it asks for a password, so this tells a wrong
address from a wrong secret, and a port that a firewall drops from one that nobody listens at.
"""

import asyncio
import contextlib
import json
from enum import StrEnum
from typing import Any

import msgspec

from aiex.engine.cluster_access import ClusterAccess
from aiex.engine.name_word import name_of
from aiex.engine.seat import CarrierAddress
from aiex.engine.server_plan import carrier_address
from aiex.engine.session import Session
from aiex.errors import EngineError, EngineRefused

_INFO_BYTES_MAX = 64 * 1024


class Door(StrEnum):
    """How a port is found."""

    OPEN = "open"
    CLOSED = "closed"  # the machine says that nobody listens
    SILENT = "silent"  # nothing comes back: dropped on the way, or no machine
    UNKNOWN = "unknown"  # the host has no address, or no way leads there


class Contact(msgspec.Struct, frozen=True):
    """A carrier as found from here. What its server says of itself is empty where it said nothing.

    `refusal` is what our login is answered with; empty when it is taken, or was not tried.
    """

    carrier: str
    host: str
    route_port: int
    client_port: int
    route: Door
    client: Door
    server: str = ""
    cluster: str = ""
    has_tls: bool = False
    refusal: str = ""

    @property
    def is_nats(self) -> bool:
        """Whether what listens for clients is a server of an engine."""
        return bool(self.server)


async def contact(carrier: CarrierAddress, access: ClusterAccess, *, timeout_s: float) -> Contact:
    """Look at both ports, then log in; ends within twice the time and never raises."""
    (route, _), (client, info) = await asyncio.gather(
        _look(carrier.host, carrier.route_port, timeout_s),
        _look(carrier.host, carrier.client_port, timeout_s),
    )
    has_tls = bool(info.get("tls_required"))
    refusal = ""
    if info and has_tls == (access.tls is not None):
        refusal = await _refusal(carrier, access, timeout_s)
    return Contact(
        carrier.name,
        carrier.host,
        carrier.route_port,
        carrier.client_port,
        route,
        client,
        name_of(str(info.get("server_name", ""))),
        str(info.get("cluster", "")).partition("/")[0],
        has_tls,
        refusal,
    )


async def _look(host: str, port: int, timeout_s: float) -> tuple[Door, dict[str, Any]]:
    """The door, and the first words of a server behind it."""
    writer = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port, limit=_INFO_BYTES_MAX)
            return Door.OPEN, await _first_words(reader)
    except ConnectionRefusedError:
        return Door.CLOSED, {}
    except TimeoutError:
        return (Door.OPEN if writer is not None else Door.SILENT), {}
    except OSError:
        return Door.UNKNOWN, {}
    finally:
        if writer is not None:
            with contextlib.suppress(OSError):
                writer.transport.abort()


async def _first_words(reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        words = json.loads((await reader.readuntil(b"\r\n")).removeprefix(b"INFO "))
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
        return {}
    return words if isinstance(words, dict) else {}


async def _refusal(carrier: CarrierAddress, access: ClusterAccess, timeout_s: float) -> str:
    try:
        session = await Session.open(carrier_address(carrier, access), timeout_s)
    except EngineRefused as error:
        return str(error)
    except EngineError:
        return ""
    await session.close()
    return ""
