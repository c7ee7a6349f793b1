"""Certificates of a release: trusted by TLS itself, for their names, no longer than said."""

import ssl
import time
from pathlib import Path

import pytest

from aiex.certificates import dns_names, ends_at_s
from aiex.kubernetes.private_authority import (
    AUTHORITY_LIFE,
    CERTIFICATE_LIFE,
    Pair,
    new_authority,
    new_certificate,
)

NAMES = ("aiex-nats", "*.aiex-nats-headless.models")


def handshake(authority: Pair, pair: Pair, host: str, directory: Path) -> None:
    """A server with the pair and a strict client, in memory; raises `ssl.SSLError`."""
    (directory / "tls.crt").write_bytes(pair.certificate)
    (directory / "tls.key").write_bytes(pair.key)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    serving.load_verify_locations(cadata=authority.certificate.decode())
    serving.verify_mode = ssl.CERT_REQUIRED
    asking = ssl.create_default_context(cadata=authority.certificate.decode())
    asking.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(down, up, server_hostname=host)
    server = serving.wrap_bio(up, down, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    assert done == {client, server}


def test_tls_takes_it_both_ways_for_each_of_its_names(tmp_path: Path) -> None:
    authority = new_authority("aiex-nats", time.time())
    pair = new_certificate(authority, NAMES, time.time())
    for host in ("aiex-nats", "aiex-nats-2.aiex-nats-headless.models"):
        handshake(authority, pair, host, tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(authority, pair, "elsewhere", tmp_path)


def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    stranger = new_authority("aiex-nats", time.time())
    pair = new_certificate(new_authority("aiex-nats", time.time()), NAMES, time.time())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(stranger, pair, "aiex-nats", tmp_path)


def test_it_says_its_names_and_ends_when_it_was_said() -> None:
    now_s = float(int(time.time()))
    authority = new_authority("a" * 80, now_s)
    pair = new_certificate(authority, NAMES, now_s)
    assert dns_names(pair.certificate) == NAMES
    assert ends_at_s(pair.certificate) == now_s + CERTIFICATE_LIFE.total_seconds()
    assert ends_at_s(authority.certificate) == now_s + AUTHORITY_LIFE.total_seconds()


def test_it_does_not_outlive_its_authority() -> None:
    now_s = float(int(time.time()))
    authority = new_authority("aiex-nats", now_s)
    late_s = now_s + AUTHORITY_LIFE.total_seconds() - 3600
    assert ends_at_s(new_certificate(authority, NAMES, late_s).certificate) == late_s + 3600
