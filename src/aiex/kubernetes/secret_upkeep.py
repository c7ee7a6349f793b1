"""Makes the Secrets of a release at the Kubernetes API, and removes them."""

import base64
from collections.abc import Callable, Mapping

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Secret

from aiex.errors import KubernetesAbsent, KubernetesConflict, KubernetesRefused
from aiex.kubernetes.client import KubernetesApi
from aiex.kubernetes.release_secrets import Change, Wanted, changes, made_secrets

# Two may run at once, and one of them finds what the other has just made.
TRIES_MAX = 5
MADE_BY = "aiex-k8s-secrets"
_MANAGED_BY = "app.kubernetes.io/managed-by"


async def keep_up(
    api: KubernetesApi, namespace: str, wanted: Wanted, now_s: Callable[[], float]
) -> list[Change]:
    """What was made; nothing when all is there. Raises `KubernetesError`."""
    done: list[Change] = []
    for _ in range(TRIES_MAX):
        there = await _there(api, namespace, wanted.release)
        data = {name: _data(secret) for name, secret in there.items()}
        try:
            for change in changes(wanted, data, now_s()):
                await _make(api, namespace, wanted.release, change, there.get(change.secret))
                done.append(change)
        except KubernetesConflict:
            continue
        return done
    raise KubernetesRefused("Somebody else changes these Secrets all the time; try again later.")


async def remove(api: KubernetesApi, namespace: str, release: str) -> tuple[list[str], list[str]]:
    """The names of those that are gone now, and of those that somebody else made and that stay.

    Raises `KubernetesError`.
    """
    gone: list[str] = []
    left: list[str] = []
    for name, secret in (await _there(api, namespace, release)).items():
        labels = (secret.metadata and secret.metadata.labels) or {}
        if labels.get(_MANAGED_BY) != MADE_BY:
            left.append(name)
            continue
        try:
            await api.remove(Secret, name, namespace)
        except KubernetesAbsent:
            continue
        gone.append(name)
    return gone, left


async def _there(api: KubernetesApi, namespace: str, release: str) -> dict[str, Secret]:
    found = {}
    for name in made_secrets(release):
        if (secret := await api.found(Secret, name, namespace)) is not None:
            found[name] = secret
    return found


async def _make(
    api: KubernetesApi, namespace: str, release: str, change: Change, there: Secret | None
) -> None:
    data = {key: base64.b64encode(value).decode() for key, value in change.data.items()}
    if there is not None:
        # Its version comes along, so whoever changed it meanwhile wins.
        there.data = data
        await api.replace(there)
        return
    labels = {
        _MANAGED_BY: MADE_BY,
        "app.kubernetes.io/instance": release,
        "app.kubernetes.io/part-of": "aiex",
    }
    metadata = ObjectMeta(name=change.secret, namespace=namespace, labels=labels)
    await api.create(Secret(metadata=metadata, data=data, type=change.kind))


def _data(secret: Secret) -> Mapping[str, bytes]:
    return {key: base64.b64decode(value) for key, value in (secret.data or {}).items()}
