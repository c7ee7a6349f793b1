"""What is wrong with a release, by the facts: small rules, causes before what follows. Pure."""

import msgspec

from aiex.kubernetes.diagnosis import engine, network, pods, services, upkeep
from aiex.kubernetes.diagnosis.finding import Finding, Found, Rule, Seen, Trouble
from aiex.kubernetes.facts import NODE, Facts

FINDINGS_MAX = 64


def release_absent(facts: Facts) -> Found:
    if facts.knows("deployments.apps", "statefulsets.apps") and not facts.workloads:
        name = f" '{facts.release}'" if facts.release else ""
        yield Trouble(
            f"There is no release{name} of Aiex in namespace {facts.namespace}.",
            "Name the namespace (-n) and the release (--release), or install the chart.",
            NODE,
            (Seen(f"namespace/{facts.namespace}", "deployments and statefulsets", "none of it"),),
            ("helm list --all-namespaces",),
        )


# Why a pod does not run; whatever it should do is missing then, too.
_NOT_RUNNING = (
    "release_absent",
    "scaled_to_nothing",
    "pod_refused",
    "claim_pending",
    "unschedulable",
    "image_not_pulled",
    "secret_missing",
    "out_of_memory",
    "crash_loop",
)
_CUT_OFF = (
    "policy_blocks",
    "dns_blocked",
    "unready_unpublished",
    "certificate_refused",
    "certificate_over",
)
_NOT_READY = (*_NOT_RUNNING, *_CUT_OFF, "port_refused", "probe_fails", "machine_unwell")
_NO_QUORUM = (*_NOT_READY, "node_not_ready")

RULES = (
    Rule("release_absent", "serious", "Is there such a release?", release_absent),
    Rule(
        "scaled_to_nothing",
        "serious",
        "Are there to be any nodes, any servers of NATS?",
        pods.scaled_to_nothing,
    ),
    Rule(
        "pod_refused",
        "serious",
        "Are pods refused: by Pod Security, a quota, an admission webhook?",
        pods.pod_refused,
    ),
    Rule("job_failed", "serious", "Did the Jobs of the release succeed?", pods.job_failed),
    Rule(
        "claim_pending",
        "serious",
        "Are volume claims bound; if not: no class, no capacity, another zone?",
        engine.claim_pending,
    ),
    Rule(
        "unschedulable",
        "serious",
        "Does a machine take each pod?",
        pods.unschedulable,
        after=("claim_pending",),
    ),
    Rule("image_not_pulled", "serious", "Are images pulled?", pods.image_not_pulled),
    Rule(
        "secret_missing",
        "serious",
        "Is there each Secret, with each key that pods name?",
        pods.secret_missing,
    ),
    Rule("out_of_memory", "serious", "Was a container killed for its memory?", pods.out_of_memory),
    Rule(
        "crash_loop",
        "serious",
        "Does a container end again and again, and with which last words?",
        pods.crash_loop,
    ),
    Rule(
        "selector_matches_nothing",
        "serious",
        "Does each Service select pods?",
        services.selector_matches_nothing,
    ),
    Rule(
        "target_port_unknown",
        "serious",
        "Do pods have the ports that Services lead to?",
        services.target_port_unknown,
    ),
    Rule(
        "unready_unpublished",
        "serious",
        "Do headless Services publish addresses of pods that are not ready?",
        services.unready_unpublished,
    ),
    Rule(
        "addresses_unpublished",
        "serious",
        "Is each ready pod among the addresses of its Services?",
        services.addresses_unpublished,
    ),
    Rule(
        "policy_blocks",
        "serious",
        "Do NetworkPolicies let nodes reach NATS, and its servers each other?",
        network.policy_blocks,
    ),
    Rule("dns_blocked", "serious", "Do NetworkPolicies let pods ask DNS?", network.dns_blocked),
    Rule("dns_silent", "serious", "Does DNS answer?", network.dns_silent),
    Rule(
        "name_unknown",
        "serious",
        "Has DNS addresses of the release's Services?",
        network.name_unknown,
        after=("dns_silent",),
    ),
    Rule(
        "certificate_refused",
        "serious",
        "Is the certificate of NATS believed, and for the names nodes use?",
        engine.certificate_refused,
    ),
    Rule(
        "certificate_over",
        "serious",
        "Has the certificate of NATS ended?",
        engine.certificate_over,
    ),
    Rule(
        "port_refused",
        "serious",
        "Does somebody listen at each port?",
        network.port_refused,
        after=_NOT_RUNNING,
    ),
    Rule(
        "port_silent",
        "serious",
        "Does an answer come back from each port?",
        network.port_silent,
        after=(*_NOT_RUNNING, *_CUT_OFF),
    ),
    Rule(
        "machine_unwell",
        "serious",
        "Are the machines well on which pods are?",
        upkeep.machine_unwell,
    ),
    Rule(
        "probe_fails",
        "serious",
        "Do probes get through?",
        pods.probe_fails,
        after=(*_NOT_RUNNING, *_CUT_OFF, "machine_unwell"),
    ),
    Rule(
        "node_not_ready",
        "serious",
        "Does every running pod take requests, and if not, which check fails?",
        pods.node_not_ready,
        after=_NOT_READY,
    ),
    Rule(
        "no_quorum",
        "serious",
        "Has NATS a quorum?",
        engine.no_quorum,
        after=_NO_QUORUM,
    ),
    Rule(
        "engine_unreached",
        "serious",
        "Do nodes have their engine, by what they say themselves?",
        engine.engine_unreached,
        after=(*_NO_QUORUM, "no_quorum", "certificate_over", "port_silent"),
    ),
    Rule(
        "server_away",
        "warning",
        "Are all servers of NATS there?",
        engine.server_away,
        after=_NO_QUORUM,
    ),
    Rule(
        "rollout_stuck",
        "serious",
        "Does a rollout get on?",
        pods.rollout_stuck,
        after=_NO_QUORUM,
    ),
    Rule(
        "cluster_name_shared",
        "serious",
        "Have two releases at one NATS the same cluster name?",
        engine.cluster_name_shared,
    ),
    Rule(
        "certificate_ends",
        "warning",
        "Does the certificate of NATS last 14 more days?",
        engine.certificate_ends,
    ),
    Rule(
        "grace_short",
        "warning",
        "Is terminationGracePeriodSeconds longer than a drain?",
        upkeep.grace_short,
    ),
    Rule(
        "settings_old",
        "warning",
        "Do pods run the settings of their ConfigMap?",
        upkeep.settings_old,
    ),
    Rule("versions_differ", "warning", "Do nodes run one version?", upkeep.versions_differ),
    Rule(
        "scaler_blind",
        "warning",
        "Has the autoscaler its metrics?",
        upkeep.scaler_blind,
    ),
    Rule("scaler_unable", "warning", "Can the autoscaler scale?", upkeep.scaler_unable),
    Rule(
        "budget_blocks",
        "warning",
        "Does each disruption budget let a pod go?",
        upkeep.budget_blocks,
    ),
    Rule("servers_few", "warning", "Has NATS three servers?", engine.servers_few),
    Rule("limits_small", "warning", "May a node use what it needs?", pods.limits_small),
    Rule("clocks_differ", "warning", "Do clocks agree within 2 s?", upkeep.clocks_differ),
    Rule(
        "kubernetes_untested",
        "warning",
        "Is this a Kubernetes that the chart is tested for?",
        upkeep.kubernetes_untested,
    ),
)


def diagnosed(facts: Facts) -> tuple[Finding, ...]:
    """All that is wrong, the most important first; nothing for a sound release."""
    findings: list[Finding] = []
    for rule in RULES:
        for trouble in dict.fromkeys(rule.find(facts)):
            place = _cause(findings, rule, trouble)
            if place is None:
                findings.append(_finding(rule, trouble))
            else:
                cause = findings[place]
                follows = (*cause.follows, trouble.text)
                findings[place] = msgspec.structs.replace(cause, follows=follows)
    findings.sort(key=lambda one: one.severity != "serious")
    return tuple(findings)[:FINDINGS_MAX]


def _cause(findings: list[Finding], rule: Rule, trouble: Trouble) -> int | None:
    """Where the first finding is that this comes from: of its component, or of none."""
    return next(
        (
            place
            for place, one in enumerate(findings)
            if one.rule in rule.after and one.component in (trouble.component, "")
        ),
        None,
    )


def _finding(rule: Rule, trouble: Trouble) -> Finding:
    return Finding(
        rule.name,
        rule.severity,
        trouble.text,
        trouble.advice,
        trouble.component,
        trouble.seen,
        trouble.commands,
    )
