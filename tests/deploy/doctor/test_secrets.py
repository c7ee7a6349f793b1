"""`--read-secrets`: keys that lack, and the certificate of NATS; no value is ever shown."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from aiex.certificates import dns_names
from aiex.testing.certificates import Authority
from aiex.testing.command_line import run_aiex
from aiex.testing.kubernetes_api import KubernetesApiServer, Object, kubeconfig
from aiex.testing.kubernetes_release import NAMESPACE, Release

KEYS = ("admin-token", "api-key", "engine-password", "engine-user")
VALUE = base64.b64encode(b"the value itself").decode()
NAMES = "DNS:aiex-nats,DNS:*.aiex-nats-headless"


def a_secret(name: str, **data: str) -> Object:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def tls_secret(certificate: bytes) -> Object:
    encoded = base64.b64encode(certificate).decode()
    return a_secret("aiex-nats-tls", **{"ca.crt": VALUE, "tls.crt": encoded, "tls.key": VALUE})


def findings(home: Path, *secrets: Object, deny: bool = False) -> tuple[list[dict[str, str]], str]:
    release = Release()
    api = KubernetesApiServer([*release.objects, *secrets])
    api.api_groups.add("metrics.k8s.io")
    if deny:
        api.deny("get", "secrets")
    with api:
        file = str(kubeconfig(home, api.url, {}))
        said = run_aiex(home, "k8s", "doctor", "--kubeconfig", file, "--read-secrets", "-o", "json")
    assert "the value itself" not in said.stdout
    assert VALUE not in said.stdout
    told = msgspec.json.decode(said.stdout)
    return told["findings"], said.stdout


@pytest.fixture
def certificate(authority: Authority, tmp_path: Path) -> bytes:
    return authority.issue(f"nats-{tmp_path.name}", names=NAMES).certificate.read_bytes()


def whole() -> Object:
    return a_secret("aiex-secrets", **dict.fromkeys(KEYS, VALUE))


def test_a_key_that_lacks_is_named(certificate: bytes, tmp_path: Path) -> None:
    lacking = a_secret("aiex-secrets", **dict.fromkeys(KEYS[1:], VALUE))
    found, _ = findings(tmp_path, lacking, tls_secret(certificate))
    assert [one["rule"] for one in found] == ["secret_missing", "certificate_ends"]
    assert found[0]["text"] == "The Secret aiex-secrets lacks admin-token."


def test_a_secret_that_is_not_there_is_named(certificate: bytes, tmp_path: Path) -> None:
    found, _ = findings(tmp_path, tls_secret(certificate))
    assert found[0]["text"] == "There is no Secret aiex-secrets."


def test_a_certificate_that_ends_soon_is_told(certificate: bytes, tmp_path: Path) -> None:
    found, _ = findings(tmp_path, whole(), tls_secret(certificate))  # it lasts two days
    assert [one["rule"] for one in found] == ["certificate_ends"]
    assert "ends in 2 days" in found[0]["text"] or "ends in 47 hours" in found[0]["text"]


def test_a_certificate_that_has_ended_is_told(
    authority: Authority, certificate: bytes, tmp_path: Path
) -> None:
    ended = _with_end(certificate, datetime.now(UTC) - timedelta(days=3))
    found, _ = findings(tmp_path, whole(), tls_secret(ended))
    assert [one["rule"] for one in found] == ["certificate_over"]
    assert "ended 3 days ago" in found[0]["text"]


def test_a_certificate_for_other_names_is_told(authority: Authority, tmp_path: Path) -> None:
    other = authority.issue("other-names", names="DNS:nats.example").certificate.read_bytes()
    lasting = _with_end(other, datetime.now(UTC) + timedelta(days=300))
    found, _ = findings(tmp_path, whole(), tls_secret(lasting))
    assert [one["rule"] for one in found] == ["certificate_refused"]
    assert "not for aiex-nats, by which nodes reach it" in found[0]["text"]


def test_without_the_right_it_is_a_gap(tmp_path: Path) -> None:
    found, out = findings(tmp_path, whole(), deny=True)
    assert found == []
    assert "forbidden; give `get secrets`" in out


def test_the_names_of_a_certificate_are_read(certificate: bytes) -> None:
    assert dns_names(certificate) == ("aiex-nats", "*.aiex-nats-headless")
    assert dns_names(b"no certificate") == ()


def _with_end(certificate: bytes, moment: datetime) -> bytes:
    """The same with another end; the signature is wrong then, which nobody checks here."""
    body = b"".join(certificate.split(b"\n")[1:]).partition(b"-----END")[0]
    der = base64.b64decode(body)
    begin = der.index(b"\x17\x0d", der.index(b"\x17\x0d") + 2)  # the second UTCTime
    patched = der[: begin + 2] + moment.strftime("%y%m%d%H%M%SZ").encode() + der[begin + 15 :]
    lines = base64.encodebytes(patched).strip()
    return b"-----BEGIN CERTIFICATE-----\n" + lines + b"\n-----END CERTIFICATE-----\n"
