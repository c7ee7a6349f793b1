"""Polaris' default rules (FairwindsOps/polaris, pkg/config/default.yaml of August 2026)."""

from scripts.chart.policy import containers, grants, pods, traffic, workloads
from scripts.chart.policy.rules import Catalogue, Rule, Skip, of_containers, of_kind, of_pods

_ROLES = "RoleBinding"

POLARIS = Catalogue(
    "polaris",
    "FairwindsOps/polaris, pkg/config/default.yaml",
    (
        # reliability
        Rule("deploymentMissingReplicas", of_kind("Deployment")(workloads.is_single)),
        Skip(
            "priorityClassNotSet",
            "classes belong to the cluster and the chart knows none; the value priorityClassName "
            "names one",
        ),
        Rule("tagNotSpecified", of_containers(containers.has_loose_image)),
        Skip(
            "pullPolicyNotAlways",
            "as kube-score's container-image-pull-policy: pods must start without the registry",
        ),
        Rule("readinessProbeMissing", containers.lacks_probe("readinessProbe")),
        Rule("livenessProbeMissing", containers.lacks_probe("livenessProbe")),
        Skip(
            "metadataAndInstanceMismatched",
            "the label instance is the release's name, as Kubernetes recommends; objects of one "
            "release have names of their own",
        ),
        Rule("pdbDisruptionsIsZero", of_kind("PodDisruptionBudget")(workloads.allows_no_eviction)),
        Rule("missingPodDisruptionBudget", of_kind("Deployment")(workloads.lacks_budget)),
        Rule("topologySpreadConstraint", of_pods(pods.lacks_topology_spread)),
        Rule("hpaMaxAvailability", of_kind("HorizontalPodAutoscaler")(workloads.cannot_scale)),
        Rule(
            "hpaMinAvailability",
            of_kind("HorizontalPodAutoscaler")(workloads.scales_to_one),
            differs="no minReplicas means one",
        ),
        Rule(
            "pdbMinAvailableGreaterThanHPAMinReplicas",
            of_kind("Deployment")(workloads.asks_more_than_least),
        ),
        # efficiency
        Rule("cpuRequestsMissing", containers.lacks("resources", "requests", "cpu")),
        Rule("cpuLimitsMissing", containers.lacks("resources", "limits", "cpu")),
        Rule("memoryRequestsMissing", containers.lacks("resources", "requests", "memory")),
        Rule("memoryLimitsMissing", containers.lacks("resources", "limits", "memory")),
        # security
        Rule(
            "automountServiceAccountToken",
            of_pods(pods.mounts_token),
        ),
        Rule("hostIPCSet", pods.shares("hostIPC")),
        Rule("hostPathSet", of_pods(pods.mounts_host_path)),
        Rule("hostProcess", of_pods(pods.is_host_process)),
        Rule("hostPIDSet", pods.shares("hostPID")),
        Rule(
            "linuxHardening",
            of_containers(containers.is_not_hardened),
            differs="AppArmor counts by its field only, not by the annotation of before 1.30",
        ),
        Rule(
            "missingNetworkPolicy",
            of_pods(pods.lacks_network_policy),
            differs="both ways may be ruled by two policies, and a policy may allow nothing",
        ),
        Rule("notReadOnlyRootFilesystem", of_containers(containers.has_writable_root)),
        Rule("privilegeEscalationAllowed", of_containers(containers.may_escalate)),
        Rule("procMount", of_containers(containers.has_unmasked_proc)),
        Rule("runAsRootAllowed", of_containers(containers.may_be_root)),
        Rule("runAsPrivileged", of_containers(containers.is_privileged)),
        Rule("dangerousCapabilities", containers.adds("ALL", "SYS_ADMIN", "NET_ADMIN")),
        Rule("insecureCapabilities", containers.keeps(*containers.INSECURE_CAPABILITIES)),
        Rule("hostNetworkSet", pods.shares("hostNetwork")),
        Rule("hostPortSet", of_containers(containers.has_host_port)),
        Rule("tlsSettingsMissing", of_kind("Ingress")(traffic.has_no_tls)),
        Rule(
            "sensitiveContainerEnvVar",
            of_containers(containers.has_sensitive_variable),
            differs="paths to files and references to other variables are no secrets",
        ),
        Rule("sensitiveConfigmapContent", of_kind("ConfigMap")(grants.map_has_secret)),
        Rule(
            "clusterrolePodExecAttach",
            of_kind("ClusterRole")(grants.role_enters_pods),
            differs="roles of Kubernetes' own are none of a chart's, so no name is exempt",
        ),
        Rule("rolePodExecAttach", of_kind("Role")(grants.role_enters_pods)),
        Rule(
            "clusterrolebindingPodExecAttach",
            grants.binds("ClusterRoleBinding", "ClusterRole", "exec"),
        ),
        Rule("rolebindingClusterRolePodExecAttach", grants.binds(_ROLES, "ClusterRole", "exec")),
        Rule("rolebindingRolePodExecAttach", grants.binds(_ROLES, "Role", "exec")),
        Rule(
            "clusterrolebindingClusterAdmin",
            grants.binds("ClusterRoleBinding", "ClusterRole", "everything"),
        ),
        Rule(
            "rolebindingClusterAdminClusterRole",
            grants.binds(_ROLES, "ClusterRole", "everything"),
        ),
        Rule("rolebindingClusterAdminRole", grants.binds(_ROLES, "Role", "everything")),
    ),
)
