"""Pods, and what makes them, as facts. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from lightkube.models.core_v1 import Container, ContainerStatus, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod

from aiex.kubernetes.facts import (
    COMPONENT_LABEL,
    RELEASE_LABEL,
    ContainerSeen,
    JobSeen,
    PodSeen,
    WorkloadSeen,
)

NAMELESS = ObjectMeta()


class SecretNeed(NamedTuple):
    """A Secret that pods name; of empty `keys` any will do."""

    name: str
    keys: frozenset[str]


def pod_seen(pod: Pod, now_s: float) -> PodSeen:
    meta, spec, status = pod.metadata or NAMELESS, pod.spec, pod.status
    labels = meta.labels or {}
    conditions = {one.type: one for one in (status.conditions if status else None) or ()}
    ready, scheduled = conditions.get("Ready"), conditions.get("PodScheduled")
    is_refused = scheduled is not None and scheduled.status == "False"
    return PodSeen(
        name=meta.name or "",
        component=labels.get(COMPONENT_LABEL, ""),
        release=labels.get(RELEASE_LABEL, ""),
        labels=labels,
        annotations=meta.annotations or {},
        machine=(spec.nodeName if spec else None) or "",
        ip=(status.podIP if status else None) or "",
        phase=(status.phase if status else None) or "",
        is_ready=ready is not None and ready.status == "True",
        is_deleting=meta.deletionTimestamp is not None,
        unschedulable=(scheduled.message or "") if scheduled is not None and is_refused else "",
        grace_s=_grace_s(spec),
        age_s=age_s(meta.creationTimestamp, now_s),
        containers=tuple(_containers(pod, now_s)),
    )


def workload_seen(thing: Deployment | StatefulSet) -> WorkloadSeen:
    meta, spec, status = thing.metadata or NAMELESS, thing.spec, thing.status
    pods = spec.template.spec if spec else None
    template = (spec.template.metadata if spec else None) or NAMELESS
    conditions = {one.type: one for one in (status.conditions if status else None) or ()}
    progress, failure = conditions.get("Progressing"), conditions.get("ReplicaFailure")
    is_stuck = progress is not None and progress.status == "False"
    has_failed = failure is not None and failure.status == "True"
    replicas = spec.replicas if spec else None
    observed = status.observedGeneration if status else None
    return WorkloadSeen(
        kind="deployment" if isinstance(thing, Deployment) else "statefulset",
        name=meta.name or "",
        component=(meta.labels or {}).get(COMPONENT_LABEL, ""),
        replicas=1 if replicas is None else replicas,
        ready_count=(status.readyReplicas if status else None) or 0,
        updated_count=(status.updatedReplicas if status else None) or 0,
        is_observed=observed is None or observed >= (meta.generation or 0),
        annotations=template.annotations or {},
        pre_stop_s=_pre_stop_s(pods.containers if pods else ()),
        grace_s=_grace_s(pods),
        stuck=(progress.message or "") if progress is not None and is_stuck else "",
        failure=(failure.message or "") if failure is not None and has_failed else "",
    )


def job_seen(job: Job) -> JobSeen:
    meta = job.metadata or NAMELESS
    conditions = (job.status.conditions if job.status else None) or ()
    failed = next(
        (one for one in conditions if one.type == "Failed" and one.status == "True"), None
    )
    failure = (failed.message or failed.reason or "it says no more") if failed is not None else ""
    return JobSeen(meta.name or "", (meta.labels or {}).get(COMPONENT_LABEL, ""), failure)


def secret_needs(pods: Iterable[Pod]) -> tuple[SecretNeed, ...]:
    """Which Secrets pods cannot start without, each with the keys that are named."""
    keys: dict[str, set[str]] = {}
    for pod in pods:
        for name, named in _secret_uses(pod.spec) if pod.spec else ():
            keys.setdefault(name, set()).update(named)
    return tuple(SecretNeed(name, frozenset(named)) for name, named in sorted(keys.items()))


def age_s(moment: datetime | None, now_s: float) -> float:
    """How long ago it was; 0 for what has no time."""
    if moment is None:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return now_s - aware.timestamp()


def _containers(pod: Pod, now_s: float) -> Iterator[ContainerSeen]:
    spec, status = pod.spec, pod.status
    said = {
        one.name: one
        for one in (
            *((status.initContainerStatuses if status else None) or ()),
            *((status.containerStatuses if status else None) or ()),
        )
    }
    for container in (
        *((spec.initContainers if spec else None) or ()),
        *(spec.containers if spec else ()),
    ):
        yield _container(container, said.get(container.name), now_s)


def _container(container: Container, status: ContainerStatus | None, now_s: float) -> ContainerSeen:
    resources = container.resources
    state = status.state if status else None
    waiting = state.waiting if state else None
    last = status.lastState.terminated if status and status.lastState else None
    ended = (state.terminated if state else None) or last
    return ContainerSeen(
        name=container.name,
        image=container.image or "",
        is_ready=bool(status and status.ready),
        restart_count=status.restartCount if status else 0,
        waiting=(waiting.reason if waiting else None) or "",
        waiting_text=(waiting.message if waiting else None) or "",
        ended=(ended.reason if ended else None) or "",
        exit_code=ended.exitCode if ended else 0,
        ended_age_s=age_s(ended.finishedAt, now_s) if ended else 0.0,
        last_words=((ended.message if ended else None) or "").strip(),
        requests=_amounts(resources.requests if resources else None),
        limits=_amounts(resources.limits if resources else None),
        ports={
            one.name or str(one.containerPort): one.containerPort for one in container.ports or ()
        },
    )


def _amounts(amounts: dict[str, str] | None) -> dict[str, str]:
    return {name: str(amount) for name, amount in (amounts or {}).items()}


def _grace_s(spec: PodSpec | None) -> int:
    grace_s = spec.terminationGracePeriodSeconds if spec else None
    return 30 if grace_s is None else grace_s


def _pre_stop_s(containers: Iterable[Container]) -> int:
    """The longest pause before SIGTERM; a program run there is not guessed at."""
    hooks = (one.lifecycle.preStop for one in containers if one.lifecycle and one.lifecycle.preStop)
    return max((hook.sleep.seconds for hook in hooks if hook.sleep), default=0)


def _secret_uses(spec: PodSpec) -> Iterator[tuple[str, set[str]]]:
    for volume in spec.volumes or ():
        if volume.secret and volume.secret.secretName and not volume.secret.optional:
            yield volume.secret.secretName, {one.key for one in volume.secret.items or ()}
        for source in (volume.projected.sources if volume.projected else None) or ():
            if source.secret and source.secret.name and not source.secret.optional:
                yield source.secret.name, {one.key for one in source.secret.items or ()}
    for container in (*(spec.initContainers or ()), *spec.containers):
        for variable in container.env or ():
            key = variable.valueFrom.secretKeyRef if variable.valueFrom else None
            if key and key.name and not key.optional:
                yield key.name, {key.key}
