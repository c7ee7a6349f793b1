"""A NATS server as a client first sees it: its INFO, its certificate, its monitor. No login."""

import asyncio
import ssl
from typing import NamedTuple

import msgspec

from aiex.certificates import dns_names, ends_at_s
from aiex.kubernetes.facts import CertificateSeen, DoorState, EngineSeen
from aiex.kubernetes.look.door import KNOCK_S, state_of

INFO_BYTES_MAX = 64 * 1024


class ServerLook(NamedTuple):
    state: DoorState
    engine: EngineSeen | None = None
    certificate: CertificateSeen | None = None


class _Info(msgspec.Struct):
    server_name: str = ""
    version: str = ""
    tls_required: bool = False


class _Peer(msgspec.Struct):
    name: str = ""
    offline: bool = False


class _Meta(msgspec.Struct):
    leader: str = ""
    cluster_size: int = 0
    replicas: tuple[_Peer, ...] = ()


class _JetStream(msgspec.Struct):
    meta_cluster: _Meta | None = None


async def server_look(host: str, port: int, wanted: tuple[str, ...], ca_file: str) -> ServerLook:
    """What a server says before anybody logs in; `wanted` are the names its certificate needs."""
    where = f"{host}:{port}"
    try:
        async with asyncio.timeout(KNOCK_S):
            reader, writer = await asyncio.open_connection(host, port, limit=INFO_BYTES_MAX)
    except OSError as error:
        return ServerLook(state_of(error))
    certificate = None
    try:
        async with asyncio.timeout(KNOCK_S):
            info = _info(await reader.readuntil(b"\r\n"))
            if info.tls_required:
                await writer.start_tls(_unverified())
                certificate = _certificate(writer, where, wanted)
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
        return ServerLook("open")  # somebody listens, who is no NATS server or does not let us in
    finally:
        writer.close()
    if certificate is not None and ca_file:
        refusal = await _refusal(host, port, wanted[0] if wanted else host, ca_file)
        certificate = msgspec.structs.replace(certificate, refusal=refusal)
    return ServerLook("open", EngineSeen(info.server_name, info.version), certificate)


def engine_of(monitor: bytes, seen: EngineSeen) -> EngineSeen:
    """With what `/jsz` says of the cluster's leader; unchanged when it is no such answer."""
    try:
        meta = msgspec.json.decode(monitor, type=_JetStream).meta_cluster
    except msgspec.DecodeError:
        return seen
    if meta is None:
        return seen
    offline = tuple(one.name for one in meta.replicas if one.offline)
    return msgspec.structs.replace(
        seen, has_leader=bool(meta.leader), size=meta.cluster_size, offline=offline
    )


def _info(line: bytes) -> _Info:
    if not line.startswith(b"INFO "):
        raise ValueError("no NATS server")
    return msgspec.json.decode(line[5:], type=_Info)


def _certificate(
    writer: asyncio.StreamWriter, where: str, wanted: tuple[str, ...]
) -> CertificateSeen | None:
    connection = writer.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True) if connection else None
    if der is None:
        return None
    pem = ssl.DER_cert_to_PEM_cert(der).encode()
    names = frozenset(dns_names(pem))
    return CertificateSeen(where, ends_at_s=ends_at_s(pem), names=names, wanted=wanted)


async def _refusal(host: str, port: int, name: str, ca_file: str) -> str:
    """Why somebody who trusts the authority would not talk to the server; empty if he would."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
        async with asyncio.timeout(KNOCK_S):
            reader, writer = await asyncio.open_connection(host, port, limit=INFO_BYTES_MAX)
            try:
                await reader.readuntil(b"\r\n")
                await writer.start_tls(context, server_hostname=name)
            finally:
                writer.close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message.rstrip(".")
    except (OSError, EOFError, ValueError):
        return ""
    return ""


def _unverified() -> ssl.SSLContext:
    """Only looks: whatever is sent over it is nothing."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
