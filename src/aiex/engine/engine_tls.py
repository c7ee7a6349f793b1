"""The files that TLS to an engine needs: whom to trust, and what to be trusted by."""

import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

type ProcessInfo = Callable[..., Coroutine[Any, Any, None]]


class SpeaksNoTls(Exception):
    """The server does not ask for TLS where nothing is to be said without."""


class TlsFileUnusable(OSError):
    """A file that TLS needs cannot be used; `setting` names it within its section."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(problem)
        self.setting = setting
        self.problem = problem


class EngineTls(msgspec.Struct, frozen=True):
    """Files in PEM form. Empty ones: no certificate of our own, the system's authorities.

    In a cluster of embedded engines one authority signs all certificates and none is empty. A
    carrier's certificate names the host it is reached at, for both uses: it is a server, and a
    client of the other servers.
    """

    certificate_file: str = ""
    key_file: str = ""
    ca_file: str = ""

    def client_context(self) -> ssl.SSLContext:
        """What it takes to trust a server and to be trusted; raises `TlsFileUnusable`.

        Made anew for each connection, so that renewed files are used without a restart. Reads
        files: not for the loop's thread.
        """
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        if self.ca_file:
            # Only what the file holds is trusted. Authorities of companies often lack what the
            # strict check of Python 3.13 wants of them.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            _load("tls_ca_file", self.ca_file, lambda: context.load_verify_locations(self.ca_file))
        if self.certificate_file:
            _readable("tls_key_file", self.key_file)
            _load(
                "tls_certificate_file",
                self.certificate_file,
                # The password is asked for on the terminal when there is no answer here.
                lambda: context.load_cert_chain(
                    self.certificate_file, self.key_file, password=lambda: ""
                ),
            )
        return context


def only_with_tls(process_info: ProcessInfo) -> ProcessInfo:
    """What the client does with a server's first words, refused where these do not ask for TLS.

    The client takes them at their word, whatever the address says, and sends the password in the
    clear; and whoever is in between can have them say so. The price: that is a private method of
    nats-py 2.16.
    """

    async def refusing(info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and not info.get("tls_required"):
            raise SpeaksNoTls
        await process_info(info, initial_connection=initial_connection)

    return refusing


def end_with_tls(transport: object) -> None:
    """Have the client's reader close its TLS connection when the server does.

    The client makes that reader by hand, and it keeps half of a plain connection open, which TLS
    has not: asyncio would warn at each end, "returning true from eof_received() has no effect". The
    price: private names of nats-py 2.16, and the one by which asyncio's own `start_tls` says it.
    """
    writer = getattr(transport, "_io_writer", None)
    if writer is not None:
        writer.transport.get_protocol()._over_ssl = True


def shown_certificate(transport: object) -> bytes:
    """What the server of this client's transport showed, in DER form; empty without TLS."""
    writer = getattr(transport, "_io_writer", None)
    tls = None if writer is None else writer.get_extra_info("ssl_object")
    return (tls.getpeercert(binary_form=True) or b"") if tls is not None else b""


def _load(setting: str, file: str, load: Callable[[], None]) -> None:
    _readable(setting, file)
    try:
        load()
    except (ssl.SSLError, ValueError) as error:
        if setting == "tls_ca_file":
            problem = f"{file} holds no certificate in PEM form"
        elif getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            problem = f"the certificate in {file} does not belong to the key in tls_key_file"
        else:
            problem = (
                f"{file} holds no certificate in PEM form, or tls_key_file no key, or one that is "
                "encrypted"
            )
        raise TlsFileUnusable(setting, problem) from error


def _readable(setting: str, file: str) -> None:
    try:
        Path(file).open("rb").close()
    except OSError as error:
        raise TlsFileUnusable(setting, f"{file} cannot be read: {error.strerror}") from error
