"""An authority of one release, and the certificate it signs for all servers of its NATS."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
# Whoever trusts the authority need not be told of a renewal, but servers must (`aiex k8s nats`).
CERTIFICATE_LIFE = timedelta(days=3 * 365)
# Clocks of machines differ, and a certificate of this moment is to be valid on all.
CLOCKS_DIFFER_BY = timedelta(minutes=5)
# Servers are each other's clients.
_BOTH_WAYS = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


class Pair(NamedTuple):
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


def new_authority(name: str, now_s: float) -> Pair:
    """Signs itself; good for certificates of one release and for nothing else."""
    key, subject = _new_key(), _subject(name)
    builder = (
        _begun(subject, subject, key.public_key(), now_s, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return _signed(builder, key, key)


def new_certificate(authority: Pair, dns_names: Sequence[str], now_s: float) -> Pair:
    """For these names, as a server and as a client; ends with its authority at the latest.

    Raises `ValueError` when the authority is none.
    """
    signer = x509.load_pem_x509_certificate(authority.certificate)
    signer_key = serialization.load_pem_private_key(authority.key, password=None)
    if not isinstance(signer_key, ec.EllipticCurvePrivateKey):
        raise ValueError("its key is of a kind that Aiex does not make")
    key = _new_key()
    life = min(CERTIFICATE_LIFE, signer.not_valid_after_utc - _moment(now_s))
    public = signer.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey), "a pair is of one kind"
    builder = (
        _begun(_subject(dns_names[0]), signer.subject, key.public_key(), now_s, life)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(_BOTH_WAYS),
            critical=False,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return _signed(builder, key, signer_key)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now_s: float,
    life: timedelta,
) -> x509.CertificateBuilder:
    now = _moment(now_s)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER_BY)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
) -> Pair:
    certificate = builder.sign(signer, hashes.SHA256())
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _subject(name: str) -> x509.Name:
    # A common name has 64 characters at most; what counts are the alternative names.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _moment(now_s: float) -> datetime:
    return datetime.fromtimestamp(int(now_s), UTC)
