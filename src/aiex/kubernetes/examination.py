"""One look at a release from where this runs: with the API, with DNS alone, or both.

From outside a cluster the API is all there is, and pods are asked through it. In a pod, pods are
asked by address, and without rights DNS says where they are.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from aiex.errors import (
    AiexError,
    KubernetesAccessMissing,
    KubernetesForbidden,
    KubernetesRefused,
    KubernetesUnreachable,
)
from aiex.kubernetes.access import IN_CLUSTER, Access
from aiex.kubernetes.client import KubernetesApi
from aiex.kubernetes.collection import collected, with_secrets
from aiex.kubernetes.diagnosis import Finding, diagnosed
from aiex.kubernetes.facts import NATS, NODE, Facts, Gap
from aiex.kubernetes.look import Names, Viewpoint, looked_at, looked_through_api

DEFAULT_RELEASE = "aiex"


class ReleaseUnclear(AiexError):
    """There are several releases in the namespace; choose one with --release."""

    def __init__(self, releases: Sequence[str], namespace: str) -> None:
        super().__init__(
            f"There are several releases in namespace {namespace}: {', '.join(releases)}. Choose "
            "one with --release."
        )


class Choice(NamedTuple):
    """What is to be looked at; empty names mean what is found."""

    namespace: str = ""
    release: str = ""
    reads_secrets: bool = False
    asks_api: bool = True


class Examined(msgspec.Struct, frozen=True):
    """What came of it. `looked_at` counts what there was to look at, in words."""

    namespace: str
    release: str
    is_sound: bool
    findings: tuple[Finding, ...]
    looked_at: tuple[str, ...]
    gaps: tuple[Gap, ...]


async def examined(
    choice: Choice,
    find_access: Callable[[], Access],
    names: Names,
    view: Viewpoint,
    *,
    now_s: float,
) -> Examined:
    """Facts and findings; raises what keeps anything from being looked at."""
    gaps: list[Gap] = []
    namespace = choice.namespace
    if choice.asks_api:
        try:
            access = find_access()
            namespace = namespace or access.namespace
            facts = await _of_api(choice, access, names, view)
        except KubernetesAccessMissing as error:
            if not names.own_namespace:
                raise
            gaps.append(Gap("objects of Kubernetes", str(error)))
        except (KubernetesUnreachable, KubernetesRefused) as error:
            if access.source != IN_CLUSTER:
                raise
            gaps.append(Gap("objects of Kubernetes", str(error)))
        else:
            if facts.read:
                return _examined(facts)
            if access.source != IN_CLUSTER:
                raise KubernetesForbidden(_nothing_read(facts))
            gaps += facts.gaps
    release = choice.release or DEFAULT_RELEASE
    facts = Facts(
        namespace=namespace or names.own_namespace or "default",
        release=release,
        full_name=full_name(release),
        now_s=now_s,
        gaps=tuple(gaps),
    )
    return _examined(await looked_at(facts, names, view))


def full_name(release: str) -> str:
    """What the chart calls a release's objects unless it is told otherwise."""
    return release if "aiex" in release else f"{release}-aiex"


def _nothing_read(facts: Facts) -> str:
    return (
        f"Nothing in namespace {facts.namespace} can be read, {facts.gaps[0].what} for one: "
        f"{facts.gaps[0].why}. docs/guides/kubernetes-doctor.md has the roles that allow it."
    )


async def _of_api(choice: Choice, access: Access, names: Names, view: Viewpoint) -> Facts:
    async with KubernetesApi(access) as api:
        namespace = choice.namespace or access.namespace
        found = await collected(api, namespace, choice.release)
        if len(found.releases) > 1 and not choice.release:
            raise ReleaseUnclear(found.releases, namespace)
        facts = found.facts
        if not facts.read:
            return facts
        if choice.reads_secrets:
            facts = await with_secrets(api, facts, found.read_pods)
        if access.source != IN_CLUSTER:
            return await looked_through_api(facts, api)
    return await looked_at(facts, names, view) if facts.workloads else facts


def _examined(facts: Facts) -> Examined:
    findings = diagnosed(facts)
    return Examined(
        facts.namespace,
        facts.release or DEFAULT_RELEASE,
        not findings,
        findings,
        tuple(_looked_at(facts)),
        facts.gaps,
    )


def _looked_at(facts: Facts) -> list[str]:
    counts = (
        (len(facts.pods_of(NODE)), "node", "nodes"),
        (len(facts.pods_of(NATS)), "server of NATS", "servers of NATS"),
        (len(facts.services), "Service", "Services"),
        (len(facts.claims), "volume claim", "volume claims"),
        (len(facts.policies), "NetworkPolicy", "NetworkPolicies"),
        (len(facts.scalers), "autoscaler", "autoscalers"),
        (len(facts.budgets), "disruption budget", "disruption budgets"),
        (len(facts.machines), "machine", "machines"),
        (len(facts.events), "event", "events"),
        (len(facts.secrets), "Secret", "Secrets"),
        (len(facts.certificates), "certificate", "certificates"),
        (len(facts.names), "name in DNS", "names in DNS"),
        (len(facts.doors), "port", "ports"),
        (len(facts.answers), "node that answered", "nodes that answered"),
    )
    told = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    return ([f"Kubernetes {facts.server_version}"] if facts.server_version else []) + told
