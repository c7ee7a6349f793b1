"""kube-linter's default rules (stackrox/kube-linter, default_checks.go of August 2026)."""

from scripts.chart.policy import containers, pods, traffic, workloads
from scripts.chart.policy.release import is_extension
from scripts.chart.policy.rules import Catalogue, Rule, of_containers, of_kind, of_pods

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
_SCALED = ("Deployment", "StatefulSet")

KUBE_LINTER = Catalogue(
    "kube-linter",
    "stackrox/kube-linter, internal/defaultchecks/default_checks.go",
    (
        Rule("dangling-service", of_kind("Service")(traffic.has_no_pods)),
        Rule("deprecated-service-account-field", of_pods(pods.uses_deprecated_account_field)),
        Rule("docker-sock", of_pods(pods.mounts_docker_socket)),
        Rule("drop-net-raw-capability", containers.keeps("NET_RAW")),
        Rule("duplicate-env-var", of_containers(containers.has_duplicate_variables)),
        Rule("env-var-secret", of_containers(containers.has_secret_in_variable)),
        Rule("host-ipc", pods.shares("hostIPC")),
        Rule("host-network", pods.shares("hostNetwork")),
        Rule("host-pid", pods.shares("hostPID")),
        Rule("invalid-target-ports", traffic.bad_ports),
        Rule("job-ttl-seconds-after-finished", of_pods(pods.keeps_finished_jobs)),
        Rule("latest-tag", of_containers(containers.has_loose_image)),
        Rule("liveness-port", containers.probes_closed_port("livenessProbe")),
        Rule("mismatching-selector", of_kind(*_WORKLOADS)(workloads.selector_misses)),
        Rule("no-anti-affinity", of_kind(*_SCALED)(workloads.shares_machine(workloads.HOST))),
        Rule("no-extensions-v1beta", of_kind()(is_extension)),
        Rule("no-read-only-root-fs", of_containers(containers.has_writable_root)),
        Rule("non-existent-service-account", of_pods(pods.account_is_missing)),
        Rule("pdb-max-unavailable", of_kind("PodDisruptionBudget")(workloads.never_unavailable)),
        Rule("pdb-min-available", of_kind("PodDisruptionBudget")(workloads.keeps_all_available)),
        Rule(
            "pdb-unhealthy-pod-eviction-policy",
            of_kind("PodDisruptionBudget")(workloads.has_no_eviction_policy),
        ),
        Rule("privilege-escalation-container", of_containers(containers.may_escalate)),
        Rule("privileged-container", of_containers(containers.is_privileged)),
        Rule("readiness-port", containers.probes_closed_port("readinessProbe")),
        Rule("run-as-non-root", of_containers(containers.may_be_root)),
        Rule("sensitive-host-mounts", of_pods(pods.mounts_sensitive_directory)),
        Rule("ssh-port", containers.has_port(22)),
        Rule("startup-port", containers.probes_closed_port("startupProbe")),
        Rule("unsafe-sysctls", of_pods(pods.has_unsafe_sysctl)),
        Rule("unset-cpu-requirements", containers.lacks("resources", "requests", "cpu")),
        Rule("unset-memory-requirements", containers.lacks("resources", "limits", "memory")),
    ),
)
