"""Has servers of an external NATS show a certificate that was renewed, without a restart.

nats-server reads its files when it starts, and when it is told to: here over the system account, by
`$SYS.REQ.SERVER.<id>.RELOAD`, so nobody needs to be on its machine. What counts is what a server
shows to who connects next; its own "done" does not, since its files may be renewed a minute after
those here (a kubelet brings a Secret to each pod by itself).

It does not help where the authority changed as well: a server that is not trusted is told no
password.
"""

import asyncio
import ssl
from collections.abc import Sequence

import msgspec

from aiex.certificates import certificates_in
from aiex.clock import Clock
from aiex.engine.address import EngineAddress
from aiex.engine.session import Session
from aiex.errors import EngineError, EngineRefused

TIMEOUT_S = 5.0
# A kubelet looks for new Secrets about once a minute.
AGAIN_S = 5.0


class ShownCertificate(msgspec.Struct, frozen=True):
    """What became of one server; `trouble` is empty when it shows the certificate."""

    server: str
    was_told: bool = False
    trouble: str = ""


class _Answer(msgspec.Struct, frozen=True):
    error: object = None


async def reload_certificates(
    addresses: Sequence[EngineAddress], certificate: bytes, *, patience_s: float, clock: Clock
) -> list[ShownCertificate]:
    """Tell each server that shows another certificate to read its files, until it shows this one.

    `certificate` is in PEM form; of several the first one, the server's own, counts. The addresses'
    user is of the system account. After `patience_s` a server is given up. Raises `ValueError` when
    there is no certificate in that.
    """
    found = certificates_in(certificate)
    if not found:
        raise ValueError("there is no certificate in PEM form")
    wanted = ssl.PEM_cert_to_DER_cert(found[0].decode("ascii"))
    return await asyncio.gather(*(_reload(one, wanted, patience_s, clock) for one in addresses))


async def _reload(
    address: EngineAddress, wanted: bytes, patience_s: float, clock: Clock
) -> ShownCertificate:
    server = f"{address.host}:{address.port}"
    give_up_at_s = clock.monotonic_s() + patience_s
    was_told, trouble = False, ""
    while True:
        try:
            if await _shown_or_told(address, wanted):
                return ShownCertificate(server, was_told)
            was_told = True
            if await _shown_or_told(address, wanted):
                return ShownCertificate(server, was_told)
            trouble = "it shows another certificate, and was told to read its files"
        except EngineError as error:
            trouble = str(error)
        if clock.monotonic_s() >= give_up_at_s:
            return ShownCertificate(server, was_told, trouble)
        await clock.sleep(AGAIN_S)


async def _shown_or_told(address: EngineAddress, wanted: bytes) -> bool:
    """Whether it shows that certificate; one that does not is told to read its files."""
    session = await Session.open(address, TIMEOUT_S)
    try:
        if session.server_certificate == wanted:
            return True
        subject = f"$SYS.REQ.SERVER.{session.server_id}.RELOAD"
        answer = await session.request(subject, timeout_s=TIMEOUT_S)
    finally:
        await session.close()
    if (fault := _fault(answer.data)) is not None:
        raise EngineRefused(f"It cannot read its files again: {fault}.")
    return False


def _fault(answer: bytes) -> object:
    """Why it did not; None when it did."""
    try:
        return msgspec.json.decode(answer, type=_Answer).error
    except msgspec.DecodeError:
        return "its answer is no JSON, so what answers is no nats-server"
