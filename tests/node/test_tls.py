"""The files of TLS: those that fit, and what is said of each that does not."""

import subprocess
from pathlib import Path

import pytest

from aiex.errors import CertificateRefused
from aiex.node.tls import TlsFiles, check_ca_files, tls_files
from aiex.settings import AdminSettings, ApiSettings, ProviderSettings
from aiex.testing.certificates import Authority, Issued


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("node")


def refusal(certificate: Path, key: Path) -> str:
    with pytest.raises(CertificateRefused) as refused:
        TlsFiles("api", certificate, key).check()
    return str(refused.value)


def test_a_certificate_and_its_key_are_taken(issued: Issued) -> None:
    TlsFiles("api", *issued).check()


def test_a_listener_without_a_certificate_speaks_plain_http(issued: Issued) -> None:
    assert tls_files("api", ApiSettings()) is None
    settings = AdminSettings(tls_certificate_file=str(issued.certificate), tls_key_file="k")
    assert tls_files("admin", settings) == TlsFiles("admin", issued.certificate, Path("k"))


def test_a_missing_file_is_named_with_its_setting(issued: Issued, tmp_path: Path) -> None:
    none = tmp_path / "none.pem"
    assert refusal(none, issued.key) == (
        f"api.tls_certificate_file: {none} cannot be read: No such file or directory."
    )
    assert refusal(issued.certificate, none) == (
        f"api.tls_key_file: {none} cannot be read: No such file or directory."
    )
    assert "Is a directory" in refusal(issued.certificate, tmp_path)


def test_a_key_of_another_certificate_does_not_fit(issued: Issued, authority: Authority) -> None:
    other = authority.issue("other")
    assert "does not belong to the certificate" in refusal(issued.certificate, other.key)


def test_files_put_the_wrong_way_round_are_told(issued: Issued, tmp_path: Path) -> None:
    assert "holds no certificate" in refusal(issued.key, issued.certificate)
    assert "holds no private key" in refusal(issued.certificate, issued.certificate)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\x00")
    assert "holds no certificate" in refusal(binary, issued.key)


def test_an_encrypted_key_asks_nobody_for_its_password(
    issued: Issued, tmp_path: Path, authority: Authority
) -> None:
    assert authority.ca_file.is_file()
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(
        ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", issued.key, "-out", encrypted],
        check=True,
    )
    assert "is encrypted" in refusal(issued.certificate, encrypted)


def test_a_providers_authorities_are_looked_at_too(authority: Authority, tmp_path: Path) -> None:
    def check(file: Path) -> None:
        check_ca_files({"a": ProviderSettings(kind="openai", ca_file=str(file))})

    check(authority.ca_file)
    check_ca_files({"a": ProviderSettings(kind="mock")})
    with pytest.raises(CertificateRefused, match=r"providers\.a\.ca_file: .* cannot be read"):
        check(tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(CertificateRefused, match=r"providers\.a\.ca_file: .* no certificate"):
        check(tmp_path / "text")
