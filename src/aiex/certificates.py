"""Certificates in PEM form, one by one: HTTP clients take them so; their ends and their names."""

import base64
import binascii
import re
from datetime import UTC, datetime

_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----.*?-----END (?:TRUSTED )?CERTIFICATE-----", re.DOTALL
)
# HTTP clients refuse to be made without any, whatever they are to ask.
NO_AUTHORITIES = (
    "This system has no certificates of authorities: install its package ca-certificates, or name "
    "a PEM file in SSL_CERT_FILE."
)
# Of DER (X.690), what stands before the times of a certificate.
_SEQUENCE, _VERSION = 0x30, 0xA0
# The extension subjectAltName, 2.5.29.17, and in it the kind of name that is DNS's (RFC 5280).
_ALTERNATIVE_NAMES = b"\x06\x03\x55\x1d\x11"
_DNS_NAME = 0x82
_BOOLEAN = 0x01
_TIME_FORMATS = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}


def certificates_in(pem: bytes) -> list[bytes]:
    """Each certificate of a file that may hold several, and comments between them."""
    return [found.group() + b"\n" for found in _CERTIFICATE.finditer(pem)]


def ends_at_s(certificate: bytes) -> float | None:
    """When a certificate in PEM form ends, in seconds since the epoch; None if it says not.

    Python's own library tells it only of authorities that it was given to trust.
    """
    try:
        der = _der(certificate)
        _, signed, _ = _element(der, _SEQUENCE)
        _, fields, _ = _element(signed, _SEQUENCE)
        if fields[0] == _VERSION:
            *_, fields = _element(fields)
        for _ in ("serial number", "algorithm", "issuer"):
            *_, fields = _element(fields)
        _, validity, _ = _element(fields, _SEQUENCE)
        *_, after = _element(validity)
        kind, text, _ = _element(after)
        moment = datetime.strptime(text.decode(), _TIME_FORMATS[kind]).replace(tzinfo=UTC)
    except (ValueError, IndexError, KeyError, binascii.Error):
        return None
    return moment.timestamp()


def dns_names(certificate: bytes) -> tuple[str, ...]:
    """The DNS names a certificate in PEM form is for; none if it names none that way."""
    try:
        _, found, after = _der(certificate).partition(_ALTERNATIVE_NAMES)
        if not found:
            return ()
        tag, content, after = _element(after)
        if tag == _BOOLEAN:  # whether it is critical
            _, content, _ = _element(after)
        _, names, _ = _element(content, _SEQUENCE)
        told = []
        while names:
            tag, name, names = _element(names)
            if tag == _DNS_NAME:
                told.append(name.decode("ascii"))
    except (ValueError, IndexError, binascii.Error):
        return ()
    return tuple(told)


def _der(certificate: bytes) -> bytes:
    body = b"".join(certificate.split(b"\n")[1:]).partition(b"-----END")[0]
    return base64.b64decode(body)


def _element(der: bytes, wanted: int | None = None) -> tuple[int, bytes, bytes]:
    """The first element's tag and content, and what follows it; raises `ValueError`."""
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start])
    if len(der) < start + length or wanted not in (None, tag):
        raise ValueError("no such element")
    return tag, der[start : start + length], der[start + length :]
