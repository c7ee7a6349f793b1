"""What goes well for a while and should not: scaling, drains, versions, clocks, settings."""

from collections import Counter

from aiex.kubernetes.diagnosis.finding import Found, Seen, Trouble
from aiex.kubernetes.facts import NODE, ConditionSeen, Facts, PodSeen, ScalerSeen

# The chart is rendered for these and validated against their schemas.
KUBERNETES_FIRST, KUBERNETES_LAST = (1, 34), (1, 37)
# Leases, limits by the minute and logs of several nodes are compared by their clocks.
CLOCK_SKEW_S = 2.0
# A kubelet renews its lease every 10 seconds, by its own clock.
RENEWAL_S = 10.0


def scaler_blind(facts: Facts) -> Found:
    for scaler in facts.scalers:
        condition = _false(scaler, "ScalingActive")
        if condition is None or condition.reason == "ScalingDisabled":
            continue
        why, advice = _why_blind(facts, scaler, condition)
        yield Trouble(
            f"The autoscaler {scaler.name} has no metrics, {why}: the number of nodes does not "
            "follow the load.",
            advice,
            NODE,
            (
                Seen(f"hpa/{scaler.name}", "conditions.ScalingActive", condition.reason),
                Seen(f"hpa/{scaler.name}", "message", condition.text),
            ),
            (facts.kubectl(f"describe hpa {scaler.name}"),),
        )


def scaler_unable(facts: Facts) -> Found:
    for scaler in facts.scalers:
        condition = _false(scaler, "AbleToScale")
        if condition is not None and condition.reason != "BackoffBoth":
            yield Trouble(
                f"The autoscaler {scaler.name} cannot scale {scaler.target}: {condition.text}",
                "Let it name the Deployment of the release.",
                NODE,
                (Seen(f"hpa/{scaler.name}", "conditions.AbleToScale", condition.reason),),
                (facts.kubectl(f"describe hpa {scaler.name}"),),
            )


def grace_short(facts: Facts) -> Found:
    settings, workload = facts.own_settings(), facts.workload_of(NODE)
    if settings is None or workload is None:
        return
    drain_s = settings.propagation_delay_s + settings.drain_deadline_s
    needed_s = workload.pre_stop_s + drain_s
    if workload.grace_s < needed_s:
        yield Trouble(
            f"Kubernetes kills a node {workload.grace_s} s after it told it to stop, and a drain "
            f"may take {needed_s:g} s: answers are cut off at every update.",
            "Raise terminationGracePeriodSeconds above it, or lower drain.deadlineSeconds; the "
            "chart computes it.",
            NODE,
            (
                Seen(workload.reference, "terminationGracePeriodSeconds", f"{workload.grace_s}"),
                Seen(
                    f"configmap/{settings.name}",
                    "aiex.toml node",
                    f"propagation_delay_s {settings.propagation_delay_s:g}, drain_deadline_s "
                    f"{settings.drain_deadline_s:g}",
                ),
            ),
            (
                facts.kubectl(
                    f"patch {workload.reference} -p "
                    f'\'{{"spec":{{"template":{{"spec":{{"terminationGracePeriodSeconds":'
                    f"{needed_s + 15:.0f}}}}}}}}}'"
                ),
            ),
        )


def settings_old(facts: Facts) -> Found:
    for workload in facts.workloads:
        settings = facts.own_settings(workload.component)
        said = workload.annotations.get("checksum/config", "")
        if settings is None or not said or said in settings.hashes:
            continue
        yield Trouble(
            f"The pods of {workload.reference} run other settings than configmap/{settings.name} "
            "has: it was changed since, and they read it when they start.",
            "Start the pods anew, or put back what was changed; `helm upgrade` does both.",
            workload.component,
            (
                Seen(workload.reference, "annotations.checksum/config", said[:12]),
                Seen(
                    f"configmap/{settings.name}",
                    f"sha256 of {settings.file}",
                    min(settings.hashes)[:12],
                ),
            ),
            (facts.kubectl(f"rollout restart {workload.reference}"),),
        )


def versions_differ(facts: Facts) -> Found:
    workload = facts.workload_of(NODE)
    if workload is None or workload.updated_count < workload.replicas or not workload.is_observed:
        return  # an update is on its way
    images = {pod.name: _image(pod) for pod in facts.pods_of(NODE)}
    said = {one.pod: one.version for one in facts.answers if one.version}
    if said.keys() >= images.keys():  # an image may be another and the release in it the same
        images = {name: said[name] for name in images}
    counted = Counter(one for one in images.values() if one)
    if len(counted) < 2:
        return
    most, _ = counted.most_common(1)[0]
    odd = {name: image for name, image in images.items() if image not in ("", most)}
    yield Trouble(
        f"Nodes run different versions: {', '.join(odd)} {'runs' if len(odd) == 1 else 'run'} "
        f"{', '.join(sorted(set(odd.values())))}, the others {most}.",
        "Finish the upgrade or go back; two versions side by side are for the time of an upgrade.",
        NODE,
        tuple(Seen(f"pod/{name}", "version", image) for name, image in odd.items()),
        (facts.kubectl(f"rollout status {workload.reference}"),),
    )


def kubernetes_untested(facts: Facts) -> Found:
    parts = facts.server_version.lstrip("v").split(".")[:2]
    if len(parts) < 2 or not all(one.rstrip("+").isdigit() for one in parts):
        return
    version = int(parts[0]), int(parts[1].rstrip("+"))
    if not KUBERNETES_FIRST <= version <= KUBERNETES_LAST:
        tested = f"{_dotted(KUBERNETES_FIRST)} to {_dotted(KUBERNETES_LAST)}"
        yield Trouble(
            f"This is Kubernetes {facts.server_version}, and the chart is tested for {tested}.",
            "Upgrade Kubernetes, or use the chart of a release that was tested for yours.",
            "",
            (Seen("API", "/version gitVersion", facts.server_version),),
        )


def clocks_differ(facts: Facts) -> Found:
    for machine in facts.machines:
        ahead_s = _lease_ahead_s(machine.lease_age_s, machine.lease_s, is_ready=machine.is_ready)
        if abs(ahead_s) > CLOCK_SKEW_S:
            yield _skewed(f"machine {machine.name}", ahead_s, f"lease/{machine.name}", "renewTime")
    for answer in facts.answers:
        ahead_s = answer.clock_ahead_s or 0.0
        if abs(ahead_s) - answer.clock_doubt_s > CLOCK_SKEW_S:
            yield _skewed(answer.pod, ahead_s, f"pod/{answer.pod}", "time of its answer")


def budget_blocks(facts: Facts) -> Found:
    for budget in facts.budgets:
        is_whole = budget.healthy_count >= budget.expected_count > 0
        if budget.allowed_count == 0 and is_whole:
            said = budget.min_available and f"minAvailable {budget.min_available}"
            yield Trouble(
                f"The disruption budget {budget.name} never lets a pod go: `kubectl drain` waits "
                "for ever.",
                "Let it allow one pod: maxUnavailable: 1.",
                budget.component,
                (
                    Seen(
                        f"pdb/{budget.name}",
                        "spec",
                        said or f"maxUnavailable {budget.max_unavailable}",
                    ),
                    Seen(
                        f"pdb/{budget.name}",
                        "status.disruptionsAllowed",
                        f"0 with {budget.healthy_count} of {budget.expected_count} healthy",
                    ),
                ),
                (facts.kubectl(f"edit pdb {budget.name}"),),
            )


def machine_unwell(facts: Facts) -> Found:
    used = {one.machine for one in facts.own_pods()}
    for machine in facts.machines:
        if machine.trouble and machine.name in used:
            pods = ", ".join(one.name for one in facts.own_pods() if one.machine == machine.name)
            yield Trouble(
                f"The machine {machine.name} is not well ({machine.trouble}); on it {pods}.",
                "Mend the machine, or drain it.",
                "",
                (Seen(f"node/{machine.name}", "conditions", machine.trouble),),
                (f"kubectl describe node {machine.name}",),
            )


def _why_blind(facts: Facts, scaler: ScalerSeen, condition: ConditionSeen) -> tuple[str, str]:
    groups = facts.api_groups
    if "missing request for" in condition.text:
        return (
            "since a container asks for no CPU or memory",
            "Set resources.requests on every container of the pods; shares are of the request.",
        )
    is_resource = "Resource" in condition.reason
    wanted = "metrics.k8s.io" if is_resource else "custom.metrics.k8s.io"
    if groups is not None and wanted not in groups:
        adapter = "metrics-server" if is_resource else "a metrics adapter (prometheus-adapter)"
        return f"since the cluster has no {wanted}", f"Install {adapter}."
    return (
        f"{condition.reason}",
        "See whether the metrics adapter runs and knows "
        f"{', '.join(scaler.metrics) or 'the metric'}; for in-flight requests Prometheus has to "
        "scrape the nodes.",
    )


def _false(scaler: ScalerSeen, kind: str) -> ConditionSeen | None:
    return next((one for one in scaler.conditions if one.kind == kind and not one.is_true), None)


def _image(pod: PodSeen) -> str:
    return next((one.image for one in pod.containers if one.name == "aiex"), "")


def _lease_ahead_s(age_s: float | None, lease_s: float, *, is_ready: bool) -> float:
    """How far a kubelet's clock is ahead, as far as its lease tells.

    A lease of the future tells it at once. One that seems to have ended while Kubernetes still
    takes the machine for ready was renewed by a clock that is behind.
    """
    if age_s is None:
        return 0.0
    if age_s < 0:
        return -age_s
    is_behind = is_ready and age_s > lease_s + RENEWAL_S
    return RENEWAL_S - age_s if is_behind else 0.0


def _skewed(who: str, ahead_s: float, thing: str, field: str) -> Trouble:
    way = "ahead of" if ahead_s > 0 else "behind"
    return Trouble(
        f"The clock of {who} is {abs(ahead_s):.0f} s {way} the Kubernetes API's.",
        "Let every machine take its time from a server (chrony, systemd-timesyncd).",
        "",
        (Seen(thing, field, f"{abs(ahead_s):.1f} s {way} the API's clock"),),
        ("timedatectl status    # on that machine",),
    )


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
