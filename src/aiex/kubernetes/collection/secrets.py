"""The Secrets that pods name, read only when somebody asked for it. Their values are not kept.

Of a certificate, which is no secret, its end and its names are.
"""

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from lightkube.resources.core_v1 import Pod, Secret

from aiex.certificates import certificates_in, dns_names, ends_at_s
from aiex.errors import KubernetesError
from aiex.kubernetes.client import KubernetesApi
from aiex.kubernetes.collection.pods import secret_needs
from aiex.kubernetes.facts import (
    COMPONENT_LABEL,
    NATS,
    RELEASE_LABEL,
    CertificateSeen,
    Facts,
    Gap,
    SecretSeen,
    unread,
)

CERTIFICATE_KEY = "tls.crt"
SECRETS_MAX = 32


async def with_secrets(api: KubernetesApi, facts: Facts, pods: Sequence[Pod]) -> Facts:
    """The facts with what is known of the Secrets that pods of the release name."""
    own = [one for one in pods if _label(one, RELEASE_LABEL) == facts.release]
    of_nats = {
        need.name
        for need in secret_needs(one for one in own if _label(one, COMPONENT_LABEL) == NATS)
    }
    seen: list[SecretSeen] = []
    certificates: list[CertificateSeen] = []
    gaps: list[Gap] = []
    for need in secret_needs(own)[:SECRETS_MAX]:
        try:
            secret = await api.found(Secret, need.name, facts.namespace)
        except KubernetesError as error:
            gaps.append(unread(f"Secret {need.name}", error))
            continue
        data = (secret.data if secret is not None else None) or {}
        missing = tuple(sorted(need.keys - data.keys())) if secret is not None else ()
        seen.append(SecretSeen(need.name, secret is not None, missing))
        if need.name in of_nats and CERTIFICATE_KEY in data:
            certificates += _certificates(need.name, data[CERTIFICATE_KEY], _wanted(facts))
    return msgspec.structs.replace(
        facts,
        secrets=tuple(seen),
        certificates=tuple(certificates),
        gaps=(*facts.gaps, *gaps),
    )


def _certificates(name: str, value: str, wanted: tuple[str, ...]) -> list[CertificateSeen]:
    """The first of the chain: the server's own."""
    try:
        chain = certificates_in(base64.b64decode(value))
    except binascii.Error:
        return []
    return [
        CertificateSeen(
            f"secret/{name} {CERTIFICATE_KEY}",
            ends_at_s=ends_at_s(one),
            names=frozenset(dns_names(one)),
            wanted=wanted,
        )
        for one in chain[:1]
    ]


def _wanted(facts: Facts) -> tuple[str, ...]:
    settings = facts.own_settings()
    host = urlsplit(settings.engine_url).hostname if settings and settings.engine_url else None
    return (host or f"{facts.full_name}-nats",)


def _label(pod: Pod, name: str) -> str:
    labels: dict[str, str] = (pod.metadata.labels if pod.metadata else None) or {}
    return labels.get(name, "")
