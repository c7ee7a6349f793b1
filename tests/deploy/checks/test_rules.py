"""Each rule is shown an object that breaks it, and finds that; the sound ones break none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.chart.objects import Object, Objects
from scripts.chart.policy import CATALOGUES, Catalogue, Rule
from scripts.chart.policy.pods import mounts_token
from scripts.chart.policy.rules import of_pods

type Edit = Callable[[list[Object]], None]

GONE = object()
POD = "spec.template.spec"
BOX = f"{POD}.containers.0"
CLUSTER_WIDE = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "wide"}}
EXEC = [{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}]
EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
SCALER: Object = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "shop", "namespace": "models"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "minReplicas": 3,
        "maxReplicas": 9,
    },
}


def sound() -> list[Object]:
    text = (Path(__file__).parent / "sound.yaml").read_text()
    # By way of JSON, since what YAML's anchors share would be changed in all places at once.
    items: list[Object] = json.loads(json.dumps(yaml.safe_load(text)))
    return items


def put(item: Any, path: str, value: object) -> None:
    *steps, last = path.split(".")
    for step in steps:
        item = item[int(step)] if isinstance(item, list) else item.setdefault(step, {})
    if value is GONE:
        del item[last]
    else:
        item[last] = value


def change(kind: str, *changes: tuple[str, object]) -> Edit:
    """Sets what lies at some paths of the first object of a kind."""

    def edit(items: list[Object]) -> None:
        item = next(one for one in items if one["kind"] == kind)
        for path, value in changes:
            put(item, path, value)

    return edit


def node(*changes: tuple[str, object]) -> Edit:
    return change("Deployment", *changes)


def box(path: str, value: object) -> Edit:
    return node((f"{BOX}.{path}", value))


def own(path: str, value: object) -> Edit:
    return box(f"securityContext.{path}", value)


def add(*items: Object) -> Edit:
    def edit(objects: list[Object]) -> None:
        objects.extend(json.loads(json.dumps(items)))

    return edit


def scaled(**spec: object) -> Edit:
    def edit(objects: list[Object]) -> None:
        scaler = json.loads(json.dumps(SCALER))
        scaler["spec"].update(spec)
        objects.append(scaler)
        put(objects[0], "spec.replicas", GONE)

    return edit


def role(kind: str, rules: list[dict[str, list[str]]]) -> Object:
    return {**CLUSTER_WIDE, "kind": kind, "rules": rules}


def binding(kind: str, role_kind: str) -> Object:
    return {**CLUSTER_WIDE, "kind": kind, "roleRef": {"kind": role_kind, "name": "wide"}}


def host_mount(path: str) -> Edit:
    return node((f"{POD}.volumes", [{"name": "data", "hostPath": {"path": path}}]))


FOREIGN_SELECTOR = {"matchLabels": {"app": "other"}}
NO_SPREAD = node((f"{POD}.topologySpreadConstraints", GONE))
NO_POLICY = change("NetworkPolicy", ("spec.podSelector", FOREIGN_SELECTOR))
NO_BUDGET = change("PodDisruptionBudget", ("spec.selector", FOREIGN_SELECTOR))
SINGLE = node(("spec.replicas", 1))
APART_NOWHERE = f"{POD}.affinity"
OLD = add({"apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "old"}})
NOT_SELECTED = node(("spec.selector", FOREIGN_SELECTOR))
HOST_PORT = box("ports", [{"containerPort": 8080, "hostPort": 8080}])
ALL_EVICTED = change("PodDisruptionBudget", ("spec", {"maxUnavailable": 0}))
CONTEXT = f"{POD}.securityContext"

BROKEN: dict[str, Edit] = {
    "release/kind": add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "more"}}),
    "release/namespace": node(("metadata.namespace", "kube-system")),
    "release/owner": node(("metadata.labels", {})),
    "release/goes-with-release": change("Job", ("metadata.annotations", {"helm.sh/hook": "test"})),
    "release/name": change("StatefulSet", ("metadata.name", "n" * 53)),
    "release/unique": add({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}}),
    "release/no-null": node(("spec.template.metadata.annotations", {"checksum": None})),
    "release/narrow-rights": change("Role", ("rules.0.resourceNames", GONE)),
    "pod-security/host-process": own("windowsOptions", {"hostProcess": True}),
    "pod-security/host-network": node((f"{POD}.hostNetwork", True)),
    "pod-security/host-pid": node((f"{POD}.hostPID", True)),
    "pod-security/host-ipc": node((f"{POD}.hostIPC", True)),
    "pod-security/privileged-containers": own("privileged", True),
    "pod-security/baseline-capabilities": own("capabilities.add", ["NET_RAW"]),
    "pod-security/host-path-volumes": host_mount("/srv"),
    "pod-security/host-ports": HOST_PORT,
    "pod-security/host-probes-and-lifecycle-hooks": box("livenessProbe.httpGet.host", "10.0.0.1"),
    "pod-security/app-armor": node((f"{CONTEXT}.appArmorProfile", {"type": "Unconfined"})),
    "pod-security/selinux": node((f"{CONTEXT}.seLinuxOptions", {"type": "spc_t"})),
    "pod-security/proc-mount-type": own("procMount", "Unmasked"),
    "pod-security/sysctls": node((f"{CONTEXT}.sysctls", [{"name": "vm.swappiness"}])),
    "pod-security/volume-types": node(
        (f"{POD}.volumes", [{"name": "data", "nfs": {"server": "disk"}}])
    ),
    "pod-security/privilege-escalation": own("allowPrivilegeEscalation", GONE),
    "pod-security/running-as-non-root": node((f"{CONTEXT}.runAsNonRoot", False)),
    "pod-security/seccomp": node((f"{CONTEXT}.seccompProfile", GONE)),
    "pod-security/drops-all-capabilities": own("capabilities.drop", ["NET_RAW"]),
    "pod-security/restricted-capabilities": own("capabilities.add", ["CHOWN"]),
    "kube-score/deployment-strategy": node(("spec.strategy.type", "Recreate")),
    "kube-score/deployment-replicas": SINGLE,
    "kube-score/ingress-targets-service": change(
        "Service", ("spec.ports", [{"name": "https", "port": 443}])
    ),
    "kube-score/cronjob-has-deadline": change("CronJob", ("spec.startingDeadlineSeconds", GONE)),
    "kube-score/cronjob-restartpolicy": change(
        "CronJob", ("spec.jobTemplate.spec.template.spec.restartPolicy", "Always")
    ),
    "kube-score/container-resources": box("resources.limits.cpu", GONE),
    "kube-score/container-image-tag": box("image", "registry.example:5000/aiex"),
    "kube-score/container-ephemeral-storage-request-and-limit": box(
        "resources.limits.ephemeral-storage", GONE
    ),
    "kube-score/environment-variable-key-duplication": box(
        "env", [{"name": "HOME", "value": "/tmp"}, {"name": "HOME", "value": "/"}]
    ),
    "kube-score/statefulset-has-poddisruptionbudget": change(
        "StatefulSet", ("spec.template.metadata.labels", {"app": "nats2"})
    ),
    "kube-score/deployment-has-poddisruptionbudget": NO_BUDGET,
    "kube-score/poddisruptionbudget-has-policy": change(
        "PodDisruptionBudget", ("spec.minAvailable", GONE)
    ),
    "kube-score/pod-networkpolicy": change("NetworkPolicy", ("spec.policyTypes", ["Ingress"])),
    "kube-score/networkpolicy-targets-pod": NO_POLICY,
    "kube-score/pod-probes": box("readinessProbe", GONE),
    "kube-score/pod-probes-identical": box(
        "readinessProbe.httpGet", {"path": "/livez", "port": "admin"}
    ),
    "kube-score/container-security-context-user-group-id": node((f"{CONTEXT}.runAsGroup", 100)),
    "kube-score/container-security-context-privileged": own("privileged", True),
    "kube-score/container-security-context-readonlyrootfilesystem": own(
        "readOnlyRootFilesystem", False
    ),
    "kube-score/service-targets-pod": change("Service", ("spec.selector", {"app": "other"})),
    "kube-score/service-type": change("Service", ("spec.type", "NodePort")),
    "kube-score/stable-version": OLD,
    "kube-score/deployment-has-host-podantiaffinity": node((APART_NOWHERE, GONE)),
    "kube-score/statefulset-has-host-podantiaffinity": change("StatefulSet", (APART_NOWHERE, GONE)),
    "kube-score/deployment-targeted-by-hpa-does-not-have-replicas-configured": add(SCALER),
    "kube-score/statefulset-has-servicename": change("StatefulSet", ("spec.serviceName", "shop")),
    "kube-score/deployment-pod-selector-labels-match-template-metadata-labels": NOT_SELECTED,
    "kube-score/statefulset-pod-selector-labels-match-template-metadata-labels": change(
        "StatefulSet", ("spec.selector", FOREIGN_SELECTOR)
    ),
    "kube-score/label-values": node(("metadata.labels.tier", "not a label")),
    "kube-score/horizontalpodautoscaler-has-target": scaled(
        scaleTargetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
    ),
    "kube-score/horizontalpodautoscaler-replicas": scaled(minReplicas=1),
    "kube-score/pod-topology-spread-constraints": node(
        (f"{POD}.topologySpreadConstraints.0.labelSelector", FOREIGN_SELECTOR)
    ),
    "kube-linter/dangling-service": change("Service", ("spec.selector", GONE)),
    "kube-linter/deprecated-service-account-field": node((f"{POD}.serviceAccount", "shop")),
    "kube-linter/docker-sock": host_mount("/var/run/docker.sock"),
    "kube-linter/drop-net-raw-capability": own("capabilities", {"drop": ["CHOWN"]}),
    "kube-linter/duplicate-env-var": box("env", [{"name": "HOME"}, {"name": "HOME"}]),
    "kube-linter/env-var-secret": box("env", [{"name": "CLIENT_SECRET", "value": "abc"}]),
    "kube-linter/host-ipc": node((f"{POD}.hostIPC", True)),
    "kube-linter/host-network": node((f"{POD}.hostNetwork", True)),
    "kube-linter/host-pid": node((f"{POD}.hostPID", True)),
    "kube-linter/invalid-target-ports": change(
        "Service", ("spec.ports", [{"name": "http", "port": 80, "targetPort": "Not_A_Port"}])
    ),
    "kube-linter/job-ttl-seconds-after-finished": change(
        "Job", ("spec.ttlSecondsAfterFinished", GONE)
    ),
    "kube-linter/latest-tag": box("image", "aiex:latest"),
    "kube-linter/liveness-port": box("livenessProbe.httpGet.port", 9999),
    "kube-linter/mismatching-selector": NOT_SELECTED,
    "kube-linter/no-anti-affinity": node(
        (
            f"{POD}.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.0"
            ".podAffinityTerm.topologyKey",
            "topology.kubernetes.io/zone",
        )
    ),
    "kube-linter/no-extensions-v1beta": OLD,
    "kube-linter/no-read-only-root-fs": own("readOnlyRootFilesystem", GONE),
    "kube-linter/non-existent-service-account": change("ServiceAccount", ("metadata.name", "x")),
    "kube-linter/pdb-max-unavailable": ALL_EVICTED,
    "kube-linter/pdb-min-available": change("PodDisruptionBudget", ("spec.minAvailable", 3)),
    "kube-linter/pdb-unhealthy-pod-eviction-policy": change(
        "PodDisruptionBudget", ("spec.unhealthyPodEvictionPolicy", GONE)
    ),
    "kube-linter/privilege-escalation-container": own("allowPrivilegeEscalation", True),
    "kube-linter/privileged-container": own("privileged", True),
    "kube-linter/readiness-port": box("readinessProbe.httpGet.port", "metrics"),
    "kube-linter/run-as-non-root": node((f"{CONTEXT}.runAsUser", 0)),
    "kube-linter/sensitive-host-mounts": host_mount("/etc"),
    "kube-linter/ssh-port": box("ports", [{"containerPort": 22}]),
    "kube-linter/startup-port": box("startupProbe.httpGet.port", 9999),
    "kube-linter/unsafe-sysctls": node((f"{CONTEXT}.sysctls", [{"name": "net.core.somaxconn"}])),
    "kube-linter/unset-cpu-requirements": box("resources.requests.cpu", GONE),
    "kube-linter/unset-memory-requirements": box("resources.limits.memory", GONE),
    "polaris/deploymentMissingReplicas": SINGLE,
    "polaris/tagNotSpecified": box("image", "aiex"),
    "polaris/readinessProbeMissing": box("readinessProbe", GONE),
    "polaris/livenessProbeMissing": box("livenessProbe", GONE),
    "polaris/pdbDisruptionsIsZero": change("PodDisruptionBudget", ("spec.minAvailable", "100%")),
    "polaris/missingPodDisruptionBudget": NO_BUDGET,
    "polaris/topologySpreadConstraint": NO_SPREAD,
    "polaris/hpaMaxAvailability": scaled(maxReplicas=3),
    "polaris/hpaMinAvailability": scaled(minReplicas=1),
    "polaris/pdbMinAvailableGreaterThanHPAMinReplicas": scaled(minReplicas=1),
    "polaris/cpuRequestsMissing": box("resources.requests.cpu", GONE),
    "polaris/cpuLimitsMissing": box("resources.limits.cpu", GONE),
    "polaris/memoryRequestsMissing": box("resources.requests.memory", GONE),
    "polaris/memoryLimitsMissing": box("resources.limits.memory", GONE),
    "polaris/automountServiceAccountToken": node((f"{POD}.automountServiceAccountToken", True)),
    "polaris/hostIPCSet": node((f"{POD}.hostIPC", True)),
    "polaris/hostPathSet": host_mount("/srv"),
    "polaris/hostProcess": own("windowsOptions", {"hostProcess": True}),
    "polaris/hostPIDSet": node((f"{POD}.hostPID", True)),
    "polaris/linuxHardening": node(
        (f"{CONTEXT}.seccompProfile", GONE), (f"{BOX}.securityContext.capabilities", GONE)
    ),
    "polaris/missingNetworkPolicy": NO_POLICY,
    "polaris/notReadOnlyRootFilesystem": own("readOnlyRootFilesystem", GONE),
    "polaris/privilegeEscalationAllowed": own("allowPrivilegeEscalation", True),
    "polaris/procMount": own("procMount", "Unmasked"),
    "polaris/runAsRootAllowed": node(
        (f"{CONTEXT}.runAsUser", GONE), (f"{CONTEXT}.runAsNonRoot", GONE)
    ),
    "polaris/runAsPrivileged": own("privileged", True),
    "polaris/dangerousCapabilities": own("capabilities.add", ["SYS_ADMIN"]),
    "polaris/insecureCapabilities": own("capabilities.drop", ["NET_RAW"]),
    "polaris/hostNetworkSet": node((f"{POD}.hostNetwork", True)),
    "polaris/hostPortSet": HOST_PORT,
    "polaris/tlsSettingsMissing": change("Ingress", ("spec.tls", GONE)),
    "polaris/sensitiveContainerEnvVar": box("env", [{"name": "DB_PASSWORD", "value": "abc"}]),
    "polaris/sensitiveConfigmapContent": change("ConfigMap", ("data", {"admin-token": "abc"})),
    "polaris/clusterrolePodExecAttach": add(role("ClusterRole", EXEC)),
    "polaris/rolePodExecAttach": add(role("Role", EXEC)),
    "polaris/clusterrolebindingPodExecAttach": add(
        role("ClusterRole", EXEC), binding("ClusterRoleBinding", "ClusterRole")
    ),
    "polaris/rolebindingClusterRolePodExecAttach": add(
        role("ClusterRole", EXEC), binding("RoleBinding", "ClusterRole")
    ),
    "polaris/rolebindingRolePodExecAttach": add(role("Role", EXEC), binding("RoleBinding", "Role")),
    "polaris/clusterrolebindingClusterAdmin": add(
        role("ClusterRole", EVERYTHING), binding("ClusterRoleBinding", "ClusterRole")
    ),
    "polaris/rolebindingClusterAdminClusterRole": add(
        role("ClusterRole", EVERYTHING), binding("RoleBinding", "ClusterRole")
    ),
    "polaris/rolebindingClusterAdminRole": add(
        role("Role", EVERYTHING), binding("RoleBinding", "Role")
    ),
}
RULES: dict[str, Rule] = {
    f"{catalogue.name}/{rule.name}": rule for catalogue in CATALOGUES for rule in catalogue.rules
}


def found(items: list[Object]) -> dict[str, str]:
    """The first finding of each rule that has any."""
    objects = Objects(tuple(items), namespace="models")
    findings = [one for catalogue in CATALOGUES for one in catalogue.findings(objects)]
    return {one.rule: str(one) for one in reversed(findings)}


def test_sound_objects_break_no_rule() -> None:
    assert found(sound()) == {}


def test_a_scaled_deployment_breaks_none_either() -> None:
    items = sound()
    scaled(minReplicas=3)(items)
    assert {rule for rule in found(items) if not rule.startswith("release/")} == set()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_finds_what_breaks_it(rule: str) -> None:
    items = sound()
    BROKEN[rule](items)
    assert rule in found(items)


def test_nothing_is_broken_that_no_rule_finds() -> None:
    assert set(BROKEN) == set(RULES)


def test_names_of_rules_are_their_publishers_and_each_is_there_once() -> None:
    for catalogue in CATALOGUES:
        names = [one.name for one in catalogue.entries]
        assert len(names) == len(set(names)), catalogue.name


def test_what_is_spared_for_one_component_is_found_in_others() -> None:
    rule = Rule("tokens", of_pods(mounts_token), spared={"secrets": "it asks Kubernetes' API"})
    catalogue = Catalogue("ours", "a test", (rule,))
    items = sound()
    change("Job", (f"{POD}.automountServiceAccountToken", True))(items)
    assert not list(catalogue.findings(Objects(tuple(items))))
    node((f"{POD}.automountServiceAccountToken", True))(items)
    assert [one.item for one in catalogue.findings(Objects(tuple(items)))] == ["Deployment shop"]
