"""The files that TLS needs, looked at before anything listens: what is wrong is said in words.

They are read once, at start: a renewed certificate needs a restart of the node.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiex.errors import CertificateRefused
from aiex.settings import AdminSettings, ApiSettings, ProviderSettings


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A listener's certificate, with those it was signed by, and its key; both PEM."""

    section: str  # of the settings that name them: api, admin
    certificate: Path
    key: Path

    def check(self) -> None:
        """Raises `CertificateRefused` when nobody could be served with them."""
        certificate_setting = f"{self.section}.tls_certificate_file"
        key_setting = f"{self.section}.tls_key_file"
        _check_certificates(certificate_setting, self.certificate)
        key = _content(key_setting, self.key)
        if b"PRIVATE KEY-----" not in key:
            raise CertificateRefused(f"{key_setting}: {self.key} holds no private key in PEM form.")
        if b"ENCRYPTED" in key:
            raise CertificateRefused(
                f"{key_setting}: the key in {self.key} is encrypted, and nobody is there to type "
                "its password. Decrypt it with `openssl pkey` and let only the node read it."
            )
        try:
            # The password is asked for on the terminal when there is no answer here.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self.certificate, self.key, password=lambda: ""
            )
        except (ssl.SSLError, OSError, ValueError) as error:
            raise CertificateRefused(
                f"{key_setting}: the key in {self.key} does not belong to the certificate in "
                f"{self.certificate}, or cannot be read."
            ) from error


def tls_files(section: str, settings: ApiSettings | AdminSettings) -> TlsFiles | None:
    """The files of a listener; None when it speaks plain HTTP."""
    if not settings.tls_certificate_file:
        return None
    return TlsFiles(section, Path(settings.tls_certificate_file), Path(settings.tls_key_file))


def check_ca_files(providers: Mapping[str, ProviderSettings]) -> None:
    """Raises `CertificateRefused` when a provider's authorities cannot be read."""
    for name, provider in providers.items():
        if provider.ca_file:
            _check_certificates(f"providers.{name}.ca_file", Path(provider.ca_file))


def _check_certificates(setting: str, file: Path) -> None:
    content = _content(setting, file)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content.decode())
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise CertificateRefused(f"{setting}: {file} holds no certificate in PEM form.") from error


def _content(setting: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CertificateRefused(f"{setting}: {file} cannot be read: {error.strerror}.") from error
