"""Facts about a release, read from the Kubernetes API: all at once, each kind with a deadline.

A kind that cannot be read is a gap with the right that is missing; the other kinds are read all
the same. No Secret is read unless `with_secrets` says so, and of Secrets no value is kept.
"""

import asyncio
import email.utils
import time
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from lightkube.core.resource import GlobalResource, NamespacedResourceG, api_info
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.batch_v1 import Job
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import (
    ConfigMap,
    Event,
    Node,
    PersistentVolumeClaim,
    Pod,
    Service,
)
from lightkube.resources.discovery_v1 import EndpointSlice
from lightkube.resources.networking_v1 import NetworkPolicy
from lightkube.resources.policy_v1 import PodDisruptionBudget
from lightkube.resources.storage_v1 import StorageClass

from aiex.errors import KubernetesError, KubernetesUnreachable
from aiex.kubernetes.client import KubernetesApi
from aiex.kubernetes.collection import objects, pods
from aiex.kubernetes.facts import (
    NODE,
    RELEASE_LABEL,
    Facts,
    Gap,
    PodSeen,
    unread,
)
from aiex.kubernetes.right import Right

PART_LABEL, PART = "app.kubernetes.io/part-of", "aiex"
LEASE_NAMESPACE = "kube-node-lease"
# All of a namespace's objects take well under a second; a busy API may want longer.
ALL_S = 30.0
# Containers whose last words are read from their logs.
LOGS_MAX = 8
LOG_LINES = 5
LOG_BYTES_MAX = 4096

NAMESPACED: tuple[type[NamespacedResourceG], ...] = (
    Pod,
    Service,
    EndpointSlice,
    Deployment,
    StatefulSet,
    HorizontalPodAutoscaler,
    PodDisruptionBudget,
    NetworkPolicy,
    PersistentVolumeClaim,
    ConfigMap,
    Job,
    Event,
)
OF_THE_CLUSTER: tuple[type[GlobalResource], ...] = (Node, StorageClass)


class Found(NamedTuple):
    """`releases` are those in the namespace; `facts` are about the one that was chosen."""

    facts: Facts
    releases: tuple[str, ...]
    read_pods: tuple[Pod, ...]


class _Reading:
    """What was read of each kind, and what could not be."""

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._items: dict[str, tuple[object, ...]] = {}
        self.gaps: list[Gap] = []

    @property
    def read(self) -> frozenset[str]:
        return frozenset(self._items)

    def of[R](self, kind: type[R], resource: str = "") -> tuple[R, ...]:
        items = self._items.get(resource or resource_of(kind), ())
        return tuple(one for one in items if isinstance(one, kind))

    async def all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for kind in NAMESPACED:
                tasks.create_task(self._list(kind, self._namespace))
            for machine_kind in OF_THE_CLUSTER:
                tasks.create_task(self._list_everywhere(machine_kind))
            tasks.create_task(self._list(Lease, LEASE_NAMESPACE))

    async def _list(self, kind: type[NamespacedResourceG], namespace: str) -> None:
        resource = resource_of(kind)
        try:
            listed = await self._api.listed(kind, namespace)
        except KubernetesError as error:
            self.gaps.append(unread(resource, error))
            return
        self._keep(resource, listed.items, listed.is_whole)

    async def _list_everywhere(self, kind: type[GlobalResource]) -> None:
        resource = resource_of(kind)
        try:
            listed = await self._api.listed_everywhere(kind)
        except KubernetesError as error:
            self.gaps.append(unread(resource, error))
            return
        self._keep(resource, listed.items, listed.is_whole)

    def _keep(self, resource: str, items: tuple[object, ...], is_whole: bool) -> None:
        self._items[resource] = items
        if not is_whole:
            self.gaps.append(
                Gap(resource, f"there are more than {len(items)}; the rest was left out")
            )


async def collected(api: KubernetesApi, namespace: str, release: str) -> Found:
    """Facts of the release; without one named, of the only one there is.

    Raises `KubernetesUnreachable` when the API does not answer at all, and what it says when it
    does not take the credentials.
    """
    version, now_s = await _version(api)
    reading = _Reading(api, namespace)
    try:
        async with asyncio.timeout(ALL_S):
            groups, _ = await asyncio.gather(_groups(api, reading.gaps), reading.all())
    except TimeoutError as error:
        raise KubernetesUnreachable(
            f"The Kubernetes API at {api.access.server} answered too slowly: {ALL_S:.0f} s were "
            "not enough to list a namespace."
        ) from error
    releases = _releases(reading)
    chosen = release or (releases[0] if len(releases) == 1 else "")
    facts = _facts(reading, namespace, chosen, now_s)
    facts = msgspec.structs.replace(facts, server_version=version, api_groups=groups)
    return Found(await _with_last_words(api, facts), releases, reading.of(Pod))


def resource_of(kind: type) -> str:
    """As rights name it: `deployments.apps`."""
    info = api_info(kind)
    group = info.resource.group
    return f"{info.plural}.{group}" if group else info.plural


async def _version(api: KubernetesApi) -> tuple[str, float]:
    """The API server's version, and its clock in seconds since the epoch."""
    answer = await api.document("/version", Right("get", "/version"))
    date = email.utils.parsedate_tz(answer.headers.get("date", ""))
    now_s = float(email.utils.mktime_tz(date)) if date else time.time()
    try:
        told = msgspec.json.decode(answer.body, type=dict[str, object])
    except msgspec.DecodeError:
        return "", now_s
    return str(told.get("gitVersion", "")), now_s


class _Group(msgspec.Struct):
    name: str


class _Groups(msgspec.Struct):
    groups: tuple[_Group, ...] = ()


async def _groups(api: KubernetesApi, gaps: list[Gap]) -> frozenset[str] | None:
    """Groups of the API, by which metrics are offered or not."""
    try:
        answer = await api.document("/apis", Right("get", "/apis"))
        told = msgspec.json.decode(answer.body, type=_Groups)
    except (KubernetesError, msgspec.DecodeError) as error:
        gaps.append(Gap("the groups of the API", str(error)))
        return None
    return frozenset(one.name for one in told.groups)


def _releases(reading: _Reading) -> tuple[str, ...]:
    labels = [_labels(one) for one in (*reading.of(Deployment), *reading.of(StatefulSet))]
    return tuple(
        sorted({one.get(RELEASE_LABEL, "") for one in labels if one.get(PART_LABEL) == PART})
    )


def _facts(reading: _Reading, namespace: str, release: str, now_s: float) -> Facts:
    leases = {(one.metadata or pods.NAMELESS).name or "": one for one in reading.of(Lease)}
    seen = (
        *(pods.workload_seen(one) for one in reading.of(Deployment) if _is_of(one, release)),
        *(pods.workload_seen(one) for one in reading.of(StatefulSet) if _is_of(one, release)),
    )
    settings = (objects.settings_seen(one) for one in reading.of(ConfigMap) if _is_aiex(one))
    return Facts(
        namespace=namespace,
        release=release,
        full_name=next((one.name for one in seen if one.component == NODE), release),
        now_s=now_s,
        read=reading.read,
        gaps=tuple(reading.gaps),
        pods=tuple(pods.pod_seen(one, now_s) for one in reading.of(Pod)),
        services=tuple(
            objects.service_seen(one, reading.of(EndpointSlice))
            for one in reading.of(Service)
            if _is_of(one, release)
        ),
        workloads=seen,
        claims=tuple(
            objects.claim_seen(one, now_s)
            for one in reading.of(PersistentVolumeClaim)
            if _is_of(one, release)
        ),
        classes=tuple(objects.class_seen(one) for one in reading.of(StorageClass)),
        events=tuple(objects.event_seen(one, now_s) for one in reading.of(Event)),
        scalers=tuple(
            objects.scaler_seen(one)
            for one in reading.of(HorizontalPodAutoscaler)
            if _is_of(one, release)
        ),
        budgets=tuple(
            objects.budget_seen(one)
            for one in reading.of(PodDisruptionBudget)
            if _is_of(one, release)
        ),
        policies=tuple(objects.policy_seen(one) for one in reading.of(NetworkPolicy)),
        machines=tuple(objects.machine_seen(one, leases, now_s) for one in reading.of(Node)),
        settings=tuple(one for one in settings if one is not None),
        jobs=tuple(pods.job_seen(one) for one in reading.of(Job) if _is_of(one, release)),
    )


def _is_of(thing: object, release: str) -> bool:
    return _labels(thing).get(RELEASE_LABEL) == release and _is_aiex(thing)


def _is_aiex(thing: object) -> bool:
    """Claims have the labels of their StatefulSet's selector alone."""
    labels = _labels(thing)
    return labels.get(PART_LABEL, PART) == PART


def _labels(thing: object) -> Mapping[str, str]:
    metadata = getattr(thing, "metadata", None)
    return getattr(metadata, "labels", None) or {}


async def _with_last_words(api: KubernetesApi, facts: Facts) -> Facts:
    """With the end of the log of containers that end again and again and left no message."""
    mute = [
        (pod, container.name)
        for pod in facts.own_pods()
        for container in pod.containers
        if container.waiting == "CrashLoopBackOff" and not container.last_words
    ][:LOGS_MAX]
    if not mute:
        return facts
    logs = await asyncio.gather(*(_log(api, facts, pod, name) for pod, name in mute))
    words = {(pod.name, name): log for (pod, name), (log, _) in zip(mute, logs, strict=True)}
    gaps = dict.fromkeys(gap for _, gap in logs if gap is not None)
    told = tuple(_spoken(pod, words) for pod in facts.pods)
    return msgspec.structs.replace(facts, pods=told, gaps=(*facts.gaps, *gaps))


def _spoken(pod: PodSeen, words: Mapping[tuple[str, str], str]) -> PodSeen:
    containers = tuple(
        msgspec.structs.replace(
            one, last_words=words.get((pod.name, one.name), "") or one.last_words
        )
        for one in pod.containers
    )
    return msgspec.structs.replace(pod, containers=containers)


async def _log(
    api: KubernetesApi, facts: Facts, pod: PodSeen, container: str
) -> tuple[str, Gap | None]:
    path = (
        f"/api/v1/namespaces/{facts.namespace}/pods/{pod.name}/log?container={container}"
        f"&previous=true&tailLines={LOG_LINES}&limitBytes={LOG_BYTES_MAX}"
    )
    try:
        answer = await api.document(path, Right("get", "pods/log", facts.namespace))
    except KubernetesError as error:
        return "", unread("pods/log", error)
    if answer.status != 200:
        return "", None
    lines = answer.body.decode(errors="replace").strip().splitlines()
    return " ".join(lines)[-600:], None
