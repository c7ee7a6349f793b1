"""Which Secrets of a release are missing, or end soon: facts in, changes out.

What is there is never changed, with one exception: a certificate that ends within 30 days, or lacks
a name, is made anew by the authority that made it. So this may run as often as anybody likes.
"""

import secrets
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aiex.certificates import certificates_in, dns_names, ends_at_s
from aiex.errors import KubernetesRefused
from aiex.kubernetes.private_authority import Pair, new_authority, new_certificate

RENEWED_BEFORE_S = 30 * 24 * 3600.0
OPAQUE, TLS = "Opaque", "kubernetes.io/tls"
ENGINE_USER = "aiex"

type Data = Mapping[str, bytes]


class Wanted(NamedTuple):
    """What a release needs; `nats_names` are those of its servers, empty without their TLS."""

    release: str
    nodes: bool = False
    engine_login: bool = False
    nats: bool = False
    nats_names: tuple[str, ...] = ()


class Change(NamedTuple):
    """One Secret as it is to be, and why, as a phrase."""

    secret: str
    kind: str
    data: dict[str, bytes]
    is_new: bool
    why: str


def made_secrets(release: str) -> tuple[str, ...]:
    """The names of all that is ever made for a release."""
    return tuple(
        f"{release}-{suffix}" for suffix in ("secrets", "nats-auth", "nats-ca", "nats-tls")
    )


def changes(wanted: Wanted, there: Mapping[str, Data], now_s: float) -> list[Change]:
    """In the order in which they are to be made.

    Raises `KubernetesRefused` where a certificate is to be made and its authority is gone or ends.
    """
    found: list[Change] = []
    if wanted.nodes:
        keys = ["admin-token", "api-key"]
        keys += ["engine-user", "engine-password"] if wanted.engine_login else []
        found += _filled(f"{wanted.release}-secrets", keys, there)
    if wanted.nats:
        keys = ["system-password", "route-password"]
        found += _filled(f"{wanted.release}-nats-auth", keys, there)
    if wanted.nats_names:
        found += _certificates(wanted, there, now_s)
    return found


def _filled(name: str, keys: list[str], there: Mapping[str, Data]) -> Iterator[Change]:
    data = there.get(name, {})
    missing = [key for key in keys if not data.get(key)]
    if missing:
        made = {key: _fresh(key).encode() for key in missing}
        why = f"{', '.join(missing)} made"
        yield Change(name, OPAQUE, {**data, **made}, name not in there, why)


def _fresh(key: str) -> str:
    """Letters, digits and a dash: it stands in the address of a route, and in quotes."""
    if key == "engine-user":
        return ENGINE_USER
    return ("aiex-" if key == "api-key" else "") + secrets.token_hex(32)


def _certificates(wanted: Wanted, there: Mapping[str, Data], now_s: float) -> Iterator[Change]:
    ca_name, tls_name = f"{wanted.release}-nats-ca", f"{wanted.release}-nats-tls"
    held = there.get(tls_name, {})
    why = _why_anew(held, wanted.nats_names, now_s)
    if not why:
        return
    if ca_name in there:
        authority = _authority(ca_name, there[ca_name], now_s)
    elif held:
        raise KubernetesRefused(
            f"The certificate in the Secret {tls_name} {why}, and its authority, the Secret "
            f"{ca_name}, is gone. Delete {tls_name} too, run this again, restart NATS and nodes."
        )
    else:
        authority = new_authority(f"{wanted.release}-nats", now_s)
        data = {"ca.crt": authority.certificate, "ca.key": authority.key}
        yield Change(ca_name, OPAQUE, data, True, "an authority of ten years made")
    made = new_certificate(authority, wanted.nats_names, now_s)
    data = {"ca.crt": authority.certificate, "tls.crt": made.certificate, "tls.key": made.key}
    told = f"the certificate {why}; made anew, NATS is told within a day" if held else "made"
    yield Change(tls_name, TLS, data, tls_name not in there, told)


def _why_anew(held: Data, names: tuple[str, ...], now_s: float) -> str:
    """Why a certificate is to be made, as a phrase; empty when the one there is does."""
    first = next(iter(certificates_in(held.get("tls.crt", b""))), None)
    if first is None or not held.get("tls.key") or not held.get("ca.crt"):
        return "is missing or not whole"
    ends_s = ends_at_s(first)
    if ends_s is None or ends_s - now_s < RENEWED_BEFORE_S:
        return "has ended or does within 30 days"
    missing = set(names) - set(dns_names(first))
    return f"is not for {', '.join(sorted(missing))}" if missing else ""


def _authority(name: str, data: Data, now_s: float) -> Pair:
    pair = Pair(data.get("ca.crt", b""), data.get("ca.key", b""))
    first = next(iter(certificates_in(pair.certificate)), None)
    ends_s = None if first is None else ends_at_s(first)
    if ends_s is None or not pair.key or ends_s - now_s < RENEWED_BEFORE_S:
        raise KubernetesRefused(
            f"The authority in the Secret {name} is not whole, has ended or does within 30 days. "
            f"Delete it and {name.removesuffix('-ca')}-tls, run this again, and restart NATS and "
            "nodes."
        )
    return pair
