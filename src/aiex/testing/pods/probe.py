"""Probes: how often, what one of them finds, and what a row of findings means.

`Tally` is pure. HTTP, TCP and exec are really done, from the node as the kubelet does it; gRPC is
not there.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Timing:
    delay_s: float
    period_s: float
    timeout_s: float
    successes: int
    failures: int

    @classmethod
    def of(cls, probe: dict[str, Any]) -> "Timing":
        return cls(
            delay_s=probe.get("initialDelaySeconds", 0),
            period_s=probe.get("periodSeconds", 10),
            timeout_s=probe.get("timeoutSeconds", 1),
            successes=probe.get("successThreshold", 1),
            failures=probe.get("failureThreshold", 3),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Findings of one kind in a row; `holds` is the verdict, and None before there is one."""

    timing: Timing
    holds: bool | None = None
    row: int = 0
    last: bool | None = None

    def found(self, success: bool) -> "Tally":
        row = self.row + 1 if success is self.last else 1
        enough = row >= (self.timing.successes if success else self.timing.failures)
        return replace(self, row=row, last=success, holds=success if enough else self.holds)


type Exec = Callable[[list[str]], Awaitable[int]]


async def finding(
    probe: dict[str, Any], address: str, port_of: Callable[[str | int], int], execute: Exec
) -> str:
    """Why it failed; empty when it succeeded."""
    try:
        async with asyncio.timeout(Timing.of(probe).timeout_s):
            if "httpGet" in probe:
                return await http_finding(probe["httpGet"], address, port_of)
            if "tcpSocket" in probe:
                port = port_of(probe["tcpSocket"]["port"])
                _, writer = await asyncio.open_connection(address, port)
                writer.close()
                return ""
            if "exec" in probe:
                status = await execute(probe["exec"]["command"])
                return "" if status == 0 else f"the command ended with {status}"
    except TimeoutError:
        return "no answer in time"
    except (OSError, asyncio.IncompleteReadError, ValueError, IndexError) as error:
        return repr(error)
    raise ValueError(f"no such probe here: {sorted(probe)}")


async def http_finding(
    get: dict[str, Any], address: str, port_of: Callable[[str | int], int]
) -> str:
    """GET as the kubelet does it: any certificate will do, and any status from 200 to 399."""
    context = None
    if get.get("scheme", "HTTP") == "HTTPS":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    host = get.get("host", address)
    reader, writer = await asyncio.open_connection(host, port_of(get["port"]), ssl=context)
    try:
        headers = {"Host": host, "User-Agent": "kube-probe/1.34", "Connection": "close"}
        headers |= {one["name"]: one["value"] for one in get.get("httpHeaders", ())}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"GET {get.get('path', '/')} HTTP/1.1\r\n{lines}\r\n".encode())
        first = (await reader.readline()).decode()
        status = int(first.split()[1])
        return "" if 200 <= status < 400 else f"status {status}"
    finally:
        writer.close()
