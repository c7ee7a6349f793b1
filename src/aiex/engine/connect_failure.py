"""Why there is no connection to a server, in words that say what to do."""

import asyncio
import errno
import os
import ssl
import time
from pathlib import Path

from aiex.certificates import certificates_in, ends_at_s
from aiex.engine.address import EngineAddress
from aiex.engine.engine_tls import SpeaksNoTls, TlsFileUnusable
from aiex.engine.tls_refusal import refusal_of
from aiex.errors import EngineRefused, EngineUnavailable


async def tls_context(address: EngineAddress) -> ssl.SSLContext:
    """What TLS to the address needs; raises `EngineRefused` when a file of it cannot be used."""
    assert address.tls is not None, "asked only where there is TLS"
    try:
        return await asyncio.to_thread(address.tls.client_context)
    except TlsFileUnusable as error:
        raise EngineRefused(
            f"The engine at {address.url} cannot be asked: {_section(address)}.{error.setting}: "
            f"{error.problem}."
        ) from error


async def failure(
    address: EngineAddress, error: BaseException, timeout_s: float
) -> EngineUnavailable | EngineRefused:
    """What the client's error means for whoever wanted a connection."""
    if "authorization violation" in str(error).lower():
        advice = (
            "cluster.secret and cluster.name must be the same on all nodes of a cluster."
            if address.is_of_cluster
            else "set engine.user and engine.password (or engine.password_file)."
        )
        return EngineRefused(
            f"The engine at {address.url} refuses the user name or password; {advice}"
        )
    if isinstance(error, SpeaksNoTls):
        return EngineRefused(
            f"The engine at {address.url} does not speak TLS, so it is told nothing; enable TLS "
            "there, or, on a network that is safe without, name it nats://."
        )
    if isinstance(error, ssl.SSLError):
        has_ended = await asyncio.to_thread(_own_has_ended, address)
        words = refusal_of(
            error, host=address.host, section=_section(address), own_has_ended=has_ended
        )
        return EngineRefused(f"No TLS with the engine at {address.url}: {words}.")
    if isinstance(error, TimeoutError):
        return EngineUnavailable(f"No engine answers at {address.url} within {timeout_s:g} s.")
    return EngineUnavailable(f"No engine answers at {address.url}: {phrase(error)}.")


def phrase(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it gave no answer in time"
    if isinstance(error, OSError) and error.strerror:
        # asyncio's own text for a refused connection is "Connect call failed ('127.0.0.1', 4222)".
        if error.errno is not None and error.errno in errno.errorcode:
            return os.strerror(error.errno).lower()
        return error.strerror.lower()
    return str(error).removeprefix("nats: ") or type(error).__name__


def _section(address: EngineAddress) -> str:
    """Of the settings that say how to log in there."""
    return "cluster" if address.is_of_cluster else "engine"


def _own_has_ended(address: EngineAddress) -> bool:
    """Whether our certificate is past its end; looks at its file."""
    if address.tls is None or not address.tls.certificate_file:
        return False
    try:
        found = certificates_in(Path(address.tls.certificate_file).read_bytes())
    except OSError:
        return False
    end_s = ends_at_s(found[0]) if found else None
    return end_s is not None and end_s < time.time()
