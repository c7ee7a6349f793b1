"""A private authority and the certificates it signs, made with the `openssl` program."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

TIMEOUT_S = 20
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Issued(NamedTuple):
    """Files in PEM form."""

    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """What a server of Python's own library needs."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Authority:
    """Signs what it is asked to; `ca_file` is what others trust it by."""

    def __init__(self, directory: Path, openssl: str) -> None:
        self._directory = directory
        self.openssl = openssl
        self.ca_file = directory / "ca.pem"
        self._key = directory / "ca.key"
        self._run(
            *("req", "-x509", *_CURVE, "-keyout", self._key, "-out", self.ca_file, "-days", "2"),
            *("-subj", "/CN=Aiex test authority"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )

    def issue(
        self, name: str, *, names: str = "IP:127.0.0.1,DNS:localhost", ended: bool = False
    ) -> Issued:
        """A certificate for `names`, in OpenSSL's spelling, in files called `name`.

        One that has `ended` ends at the very moment it begins.
        """
        request = self._directory / f"{name}.csr"
        issued = Issued(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        extensions = self._directory / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        self._run(*("req", *_CURVE, "-keyout", issued.key, "-out", request, "-subj", f"/CN={name}"))
        self._run(
            *("x509", "-req", "-in", request, "-CA", self.ca_file, "-CAkey", self._key),
            *("-CAcreateserial", "-extfile", extensions),
            *("-days", "0" if ended else "2"),
            *("-out", issued.certificate),
        )
        return issued

    def _run(self, *arguments: str | Path) -> None:
        command = [self.openssl, *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
