"""Certificates in PEM form, one by one: HTTP clients take them so."""

import re

_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----.*?-----END (?:TRUSTED )?CERTIFICATE-----", re.DOTALL
)


def certificates_in(pem: bytes) -> list[bytes]:
    """Each certificate of a file that may hold several, and comments between them."""
    return [found.group() + b"\n" for found in _CERTIFICATE.finditer(pem)]
