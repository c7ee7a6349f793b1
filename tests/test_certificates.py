"""Certificates of a bundle, one by one."""

import ssl
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aiex.certificates import certificates_in, ends_at_s
from aiex.testing.certificates import Authority

ONE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"


def test_a_bundle_is_taken_apart() -> None:
    trusted = ONE.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE")
    assert certificates_in(b"# first\n" + ONE + b"\r\nsecond\n" + ONE + trusted) == [
        ONE,
        ONE,
        trusted,
    ]


def test_what_is_no_certificate_is_left_out() -> None:
    assert certificates_in(KEY + b"text") == []
    assert certificates_in(ONE[:-5]) == []


def test_when_a_certificate_ends_is_what_openssl_says(
    tmp_path: Path, need: Callable[[str, str], str]
) -> None:
    authority = Authority(tmp_path, need("openssl", "openssl"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.ca_file)
    (known,) = context.get_ca_certs()
    (own,) = certificates_in(authority.ca_file.read_bytes())
    not_after = known["notAfter"]
    assert isinstance(not_after, str)
    assert ends_at_s(own) == ssl.cert_time_to_seconds(not_after)


def test_what_is_no_certificate_ends_never() -> None:
    assert ends_at_s(ONE) is None
    assert ends_at_s(b"") is None


@given(st.binary(max_size=200))
def test_no_bytes_at_all_do_anything_else(der: bytes) -> None:
    pem = ssl.DER_cert_to_PEM_cert(der).encode()
    assert ends_at_s(pem) is None
