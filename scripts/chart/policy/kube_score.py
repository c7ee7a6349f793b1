"""kube-score's default rules (zegl/kube-score, README_CHECKS.md of May 2026), under their names."""

from scripts.chart.policy import containers, pods, traffic, workloads
from scripts.chart.policy.release import has_bad_label, is_old_version
from scripts.chart.policy.rules import Catalogue, Rule, Skip, of_containers, of_kind, of_pods

KUBE_SCORE = Catalogue(
    "kube-score",
    "zegl/kube-score, README_CHECKS.md, those that are on by default",
    (
        Rule("deployment-strategy", of_kind("Deployment")(workloads.is_not_rolling)),
        Rule("deployment-replicas", of_kind("Deployment")(workloads.is_single_behind_service)),
        Rule("ingress-targets-service", of_kind("Ingress")(traffic.leads_nowhere)),
        Rule("cronjob-has-deadline", of_pods(pods.has_no_deadline)),
        Rule("cronjob-restartpolicy", of_pods(pods.restarts_for_ever)),
        Rule("container-resources", of_containers(containers.lacks_resources)),
        Rule("container-image-tag", of_containers(containers.has_loose_image)),
        Skip(
            "container-image-pull-policy",
            "`Always` needs the registry at every start, so no pod would start while it is away, "
            "nor in a cluster without one; tags are fixed, and a digest can be given",
        ),
        Rule(
            "container-ephemeral-storage-request-and-limit",
            of_containers(containers.lacks_ephemeral_storage),
        ),
        Rule(
            "environment-variable-key-duplication",
            of_containers(containers.has_duplicate_variables),
        ),
        Rule("statefulset-has-poddisruptionbudget", of_kind("StatefulSet")(workloads.lacks_budget)),
        Rule("deployment-has-poddisruptionbudget", of_kind("Deployment")(workloads.lacks_budget)),
        Rule(
            "poddisruptionbudget-has-policy",
            of_kind("PodDisruptionBudget")(workloads.has_no_policy),
        ),
        Rule("pod-networkpolicy", of_pods(pods.lacks_network_policy)),
        Rule("networkpolicy-targets-pod", of_kind("NetworkPolicy")(traffic.selects_no_pod)),
        Rule("pod-probes", of_pods(pods.lacks_probe_of_service)),
        Rule(
            "pod-probes-identical",
            of_containers(containers.probes_are_identical),
        ),
        Rule(
            "container-security-context-user-group-id",
            of_containers(containers.has_low_ids),
        ),
        Rule("container-security-context-privileged", of_containers(containers.is_privileged)),
        Rule(
            "container-security-context-readonlyrootfilesystem",
            of_containers(containers.has_writable_root),
        ),
        Rule("service-targets-pod", of_kind("Service")(traffic.has_no_pods)),
        Rule("service-type", of_kind("Service")(traffic.is_node_port)),
        Rule("stable-version", of_kind()(is_old_version)),
        Rule(
            "deployment-has-host-podantiaffinity",
            of_kind("Deployment")(workloads.shares_machine()),
        ),
        Rule(
            "statefulset-has-host-podantiaffinity",
            of_kind("StatefulSet")(workloads.shares_machine()),
        ),
        Rule(
            "deployment-targeted-by-hpa-does-not-have-replicas-configured",
            of_kind("Deployment")(workloads.is_counted_twice),
        ),
        Rule(
            "statefulset-has-servicename",
            of_kind("StatefulSet")(workloads.lacks_headless_service),
        ),
        Rule(
            "deployment-pod-selector-labels-match-template-metadata-labels",
            of_kind("Deployment")(workloads.selector_misses),
        ),
        Rule(
            "statefulset-pod-selector-labels-match-template-metadata-labels",
            of_kind("StatefulSet")(workloads.selector_misses),
        ),
        Rule("label-values", of_kind()(has_bad_label)),
        Rule(
            "horizontalpodautoscaler-has-target",
            of_kind("HorizontalPodAutoscaler")(workloads.has_no_target),
        ),
        Rule(
            "horizontalpodautoscaler-replicas",
            of_kind("HorizontalPodAutoscaler")(workloads.scales_to_one),
        ),
        Rule("pod-topology-spread-constraints", of_pods(pods.has_bad_topology_spread)),
    ),
)
