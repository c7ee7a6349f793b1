"""Has NATS its servers, its quorum, its disks and a certificate that is believed?"""

from aiex.kubernetes.diagnosis.finding import Found, Seen, Trouble
from aiex.kubernetes.diagnosis.pods import RECENT_S, STARTING_S
from aiex.kubernetes.facts import NATS, ClaimSeen, EventSeen, Facts, WorkloadSeen

# Tables keep three copies; one server survives no failure.
SERVERS = 3
# Time to renew a certificate in working hours, holidays included.
CERTIFICATE_ENDS_IN_S = 14 * 24 * 3600.0


def claim_pending(facts: Facts) -> Found:
    if not facts.knows("persistentvolumeclaims"):
        return
    for claim in facts.claims:
        if claim.phase == "Bound" or claim.age_s < STARTING_S:
            continue
        why, advice = _why_pending(facts, claim)
        yield Trouble(
            f"The volume claim {claim.name} is {claim.phase or 'not bound'}: {why}",
            advice,
            claim.component,
            (
                Seen(f"pvc/{claim.name}", "status.phase", claim.phase),
                Seen(f"pvc/{claim.name}", "spec.storageClassName", str(claim.class_name)),
            ),
            (facts.kubectl(f"describe pvc {claim.name}"),),
        )


def no_quorum(facts: Facts) -> Found:
    workload = facts.workload_of(NATS)
    leaders = [one for one in facts.engines if one.has_leader is not None]
    leaderless = tuple(
        Seen(one.server, "jsz meta_cluster.leader", "none")
        for one in leaders
        if not any(other.has_leader for other in leaders)
    )
    if workload is None or not workload.replicas:
        if leaderless:
            yield _without_quorum(facts, "no server knows a leader", leaderless)
        return
    ready, of = _counts(facts, workload)
    if not _is_settled(facts, workload) or (ready * 2 > of and not leaderless):
        return
    few = f"{ready} of its {of} servers {'is' if ready == 1 else 'are'} ready"
    said = few if ready * 2 <= of else "no server knows a leader"
    seen = Seen(workload.reference, "status.readyReplicas", f"{ready} of {of}")
    yield _without_quorum(facts, said, (seen, *leaderless))


def server_away(facts: Facts) -> Found:
    """One that is not there, or that does not see the leader which others see."""
    workload = facts.workload_of(NATS)
    if any(one.has_leader for one in facts.engines):
        told = {name for one in facts.engines for name in one.offline}
        told |= {one.server for one in facts.engines if one.has_leader is False}
    else:
        told = set()
    if workload is None:
        if told:
            yield _away(facts, ", ".join(sorted(told)), ())
        return
    ready, of = _counts(facts, workload)
    if ready * 2 <= of or not _is_settled(facts, workload):
        return
    told |= {one.name for one in facts.pods_of(NATS) if not one.is_ready}
    if ready < of or told:
        seen = Seen(workload.reference, "status.readyReplicas", f"{ready} of {of}")
        yield _away(facts, ", ".join(sorted(told)) or f"{of - ready} of {of}", (seen,))


def servers_few(facts: Facts) -> Found:
    workload = facts.workload_of(NATS)
    sizes = {one.size for one in facts.engines if one.size}
    if workload is not None:
        count, where = workload.replicas, workload.reference
    elif sizes:
        count, where = max(sizes), facts.engines[0].server
    else:
        return
    if 0 < count < SERVERS:
        yield Trouble(
            f"NATS has {count} {'server' if count == 1 else 'servers'}, and tables are kept on "
            f"{SERVERS}: the loss of one loses state, or stops all writing.",
            f"Set nats.replicas to {SERVERS}.",
            NATS,
            (Seen(where, "spec.replicas", str(count)),),
            (),
        )


def certificate_over(facts: Facts) -> Found:
    for one in facts.certificates:
        if one.ends_at_s is not None and one.ends_at_s <= facts.now_s:
            yield Trouble(
                f"The certificate of NATS ended {_days(facts.now_s - one.ends_at_s)} ago: nodes "
                "that connect anew do not believe it.",
                "Renew it (`aiex k8s secrets`, or cert-manager), then start NATS anew.",
                one.component,
                (Seen(one.where, "notAfter", f"{_days(facts.now_s - one.ends_at_s)} ago"),),
                (_restart(facts),),
            )


def certificate_ends(facts: Facts) -> Found:
    for one in facts.certificates:
        left_s = (one.ends_at_s or 0.0) - facts.now_s
        if one.ends_at_s is not None and 0 < left_s < CERTIFICATE_ENDS_IN_S:
            yield Trouble(
                f"The certificate of NATS ends in {_days(left_s)}.",
                "Renew it (`aiex k8s secrets`, or cert-manager). NATS is told within a day, or "
                "without nats.tls.reload has to start anew.",
                one.component,
                (Seen(one.where, "notAfter", f"in {_days(left_s)}"),),
                (_restart(facts),),
            )


def certificate_refused(facts: Facts) -> Found:
    for one in facts.certificates:
        lacking = [name for name in one.wanted if one.names and not _is_named(name, one.names)]
        if lacking:
            yield Trouble(
                f"The certificate of NATS is not for {', '.join(lacking)}, by which nodes reach "
                "it: they will not connect.",
                "Make one with these names, from the authority that nodes trust.",
                one.component,
                (Seen(one.where, "subjectAltName", ", ".join(sorted(one.names))),),
                (facts.kubectl(f"get secret {facts.full_name}-nats-tls"),),
            )
        elif one.refusal and (one.ends_at_s is None or one.ends_at_s > facts.now_s):
            yield Trouble(
                f"The certificate of NATS is not believed: {one.refusal}.",
                "Let nodes have the authority that signed it, and it the name they connect to.",
                one.component,
                (Seen(one.where, "TLS", one.refusal),),
                (facts.kubectl(f"get secret {facts.full_name}-nats-tls"),),
            )


def engine_unreached(facts: Facts) -> Found:
    for one in facts.answers:
        if one.engine in ("down", "no quorum", "refused"):
            yield Trouble(
                f"The engine of {one.pod} is {one.engine}: {one.engine_reason or 'no reason'}.",
                "Nodes answer on, and nothing can be written until it is back; look at NATS.",
                NATS,
                (Seen(f"pod/{one.pod}", "/admin/v1/status engine.state", one.engine),),
                (facts.kubectl("get pods -l app.kubernetes.io/component=nats"),),
            )


def cluster_name_shared(facts: Facts) -> Found:
    own = facts.own_settings()
    for other in facts.settings:
        if own is None or other is own or not own.engine_url:
            continue
        if (other.engine_url, other.cluster) == (own.engine_url, own.cluster):
            yield Trouble(
                f"The releases {own.release} and {other.release} share one NATS and the cluster "
                f"name {own.cluster}: their nodes are one cluster, with one set of keys.",
                "If that is not meant, give one of them another settings.cluster.name.",
                "node",
                tuple(
                    Seen(
                        f"configmap/{one.name}",
                        "aiex.toml cluster.name at engine.url",
                        f"{one.cluster} at {one.engine_url}",
                    )
                    for one in (own, other)
                ),
            )


def _without_quorum(facts: Facts, said: str, seen: tuple[Seen, ...]) -> Trouble:
    return Trouble(
        f"NATS has no quorum: {said}. Nodes answer on, and nothing can be written.",
        "Bring its servers back, each with its own volume; do not delete their claims.",
        NATS,
        seen,
        (facts.kubectl("get pods -l app.kubernetes.io/component=nats -o wide"),),
    )


def _away(facts: Facts, who: str, seen: tuple[Seen, ...]) -> Trouble:
    return Trouble(
        f"A server of NATS is away: {who}. The others have a quorum; one more, and they have none.",
        "Bring it back with its own volume.",
        NATS,
        seen,
        (facts.kubectl("get pods -l app.kubernetes.io/component=nats -o wide"),),
    )


def _counts(facts: Facts, workload: WorkloadSeen) -> tuple[int, int]:
    """Servers that are ready and that should be: by the pods where those were read."""
    if facts.knows("pods"):
        return sum(one.is_ready for one in facts.pods_of(NATS)), workload.replicas
    return workload.ready_count, workload.replicas


def _is_settled(facts: Facts, workload: WorkloadSeen) -> bool:
    """Whether pods that are not ready have had the time to become so."""
    young = [one for one in facts.pods_of(workload.component) if one.age_s < STARTING_S]
    return not young


def _why_pending(facts: Facts, claim: ClaimSeen) -> tuple[str, str]:
    default = "Name a class in nats.storage, or mark one as the default."
    names = {one.name for one in facts.classes}
    has_default = any(one.is_default for one in facts.classes)
    events = facts.events_of(
        "PersistentVolumeClaim",
        claim.name,
        "ProvisioningFailed",
        "FailedBinding",
        "WaitForFirstConsumer",
        "ExternalProvisioning",
    )
    event = next((one for one in events if one.age_s < RECENT_S), None)
    if facts.knows("storageclasses.storage.k8s.io"):
        if not claim.class_name and not has_default:
            return "it names no storage class, and the cluster has no default one.", default
        if claim.class_name and claim.class_name not in names:
            there = ", ".join(sorted(names)) or "none"
            return (
                f"there is no storage class {claim.class_name}; those there are: {there}.",
                default,
            )
    pod = _pod_of(facts, claim)
    if "volume node affinity conflict" in pod or "zone" in pod:
        return (
            f"its volume is in another zone than the machines that would take the pod: {pod}",
            "Have machines in the volume's zone, or a class with "
            "volumeBindingMode: WaitForFirstConsumer.",
        )
    return _told(event, pod)


def _told(event: EventSeen | None, pod: str) -> tuple[str, str]:
    if event is not None and event.reason == "ProvisioningFailed":
        advice = "Mend what the storage's provisioner says: capacity, quota, credentials, zones."
        return event.text, advice
    if event is not None and event.reason == "WaitForFirstConsumer" and pod:
        return (
            f"it waits for its pod, which no machine takes: {pod}",
            "Make room for the pod first.",
        )
    said = event.text if event is not None else "nobody says why"
    return said, "See whether the storage's provisioner runs, and has room."


def _pod_of(facts: Facts, claim: ClaimSeen) -> str:
    """Why the pod of a claim is not scheduled; a StatefulSet's claim ends in its pod's name."""
    pods = (one for one in facts.pods if claim.name.endswith(f"-{one.name}"))
    return next((one.unschedulable for one in pods), "")


def _restart(facts: Facts) -> str:
    name = f"{facts.full_name}-nats"
    return facts.kubectl(f"rollout restart statefulset {name}")


def _days(span_s: float) -> str:
    return f"{span_s / 86400:.0f} days" if span_s >= 86400 else f"{span_s / 3600:.0f} hours"


def _is_named(name: str, names: frozenset[str]) -> bool:
    return name in names or f"*.{name.partition('.')[2]}" in names
