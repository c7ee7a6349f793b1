"""Certificates of a bundle, one by one."""

from aiex.certificates import certificates_in

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
