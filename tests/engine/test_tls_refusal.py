"""Why TLS did not come about, said so that a person knows which certificate to look at."""

import ssl

import pytest

from aiex.engine.tls_refusal import refusal_of


def told(error: ssl.SSLError, *, own_has_ended: bool = False) -> str:
    return refusal_of(error, host="nats", section="engine", own_has_ended=own_has_ended)


def theirs(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code, error.verify_message = code, "some words"
    return error


def ours(reason: str) -> ssl.SSLError:
    error = ssl.SSLError("an alert")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9, "not valid yet; compare the clocks"),
        (10, "has ended; renew it at the engine"),
        (18, "put that of the engine into the file of engine.tls_ca_file"),
        (20, "an authority that is not trusted here"),
        (62, "not for nats; add that to the certificate's names"),
        (64, "not for nats"),
        (26, "refused here (some words)"),
    ],
)
def test_what_is_wrong_with_theirs_is_told_by_its_number(code: int, words: str) -> None:
    assert words in told(theirs(code))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "set engine.tls_certificate_file and"),
        ("TLSV1_ALERT_UNKNOWN_CA", "has to be of an authority it trusts"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "has to be of an authority it trusts"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "renew the file of engine.tls_certificate_file"),
        ("WRONG_VERSION_NUMBER", "handshake failed (wrong version number)"),
        ("", "handshake failed (without a reason)"),
    ],
)
def test_what_they_find_wrong_with_ours_is_told_by_the_alert(reason: str, words: str) -> None:
    assert words in told(ours(reason))


def test_our_own_end_explains_an_alert_that_does_not_name_it() -> None:
    assert "which has ended" in told(ours("SSLV3_ALERT_BAD_CERTIFICATE"), own_has_ended=True)
