"""Faults to plant in a release that runs well: one change each, as Kubernetes would show it.

`FAULTS` has each under the rule that has to name it, and what a sentence of the finding has to say.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from aiex.testing.kubernetes_api import Answer, KubernetesApiServer
from aiex.testing.kubernetes_release import NAMESPACE, Release, condition

type Plant = Callable[[Release, KubernetesApiServer], None]


class Fault(NamedTuple):
    rule: str
    says: str
    plant: Plant


def no_pods_selected(release: Release, _: KubernetesApiServer) -> None:
    service = release.one("Service", "aiex")
    service["spec"]["selector"]["app.kubernetes.io/name"] = "aiexx"
    release.one("EndpointSlice", "aiex-abcde")["endpoints"] = None


def wrong_target_port(release: Release, _: KubernetesApiServer) -> None:
    release.one("Service", "aiex")["spec"]["ports"][0]["targetPort"] = "http"


def unpublished(release: Release, _: KubernetesApiServer) -> None:
    release.one("Service", "aiex-nats-headless")["spec"]["publishNotReadyAddresses"] = False


def slice_without_address(release: Release, _: KubernetesApiServer) -> None:
    release.one("EndpointSlice", "aiex-abcde")["endpoints"].pop()


def nats_shut_to_nodes(release: Release, _: KubernetesApiServer) -> None:
    del release.one("NetworkPolicy", "aiex-nats")["spec"]["ingress"][0]


def nodes_may_not_leave(release: Release, _: KubernetesApiServer) -> None:
    release.one("NetworkPolicy", "aiex")["spec"]["egress"].pop()


def routes_shut(release: Release, _: KubernetesApiServer) -> None:
    release.one("NetworkPolicy", "aiex-nats")["spec"]["ingress"].pop()


def dns_shut(release: Release, _: KubernetesApiServer) -> None:
    del release.one("NetworkPolicy", "aiex")["spec"]["egress"][0]


def nobody_listens(release: Release, _: KubernetesApiServer) -> None:
    pod = release.pods("node")[0]
    release.unready(pod)
    said = "dial tcp 10.0.0.10:8080: connect: connection refused"
    release.event(pod, "Unhealthy", f'Readiness probe failed: Get "http://10.0.0.10:8080": {said}')


def probe_times_out(release: Release, _: KubernetesApiServer) -> None:
    pod = release.pods("node")[0]
    release.unready(pod)
    said = 'Liveness probe failed: Get "http://10.0.0.10:8081/livez": context deadline exceeded'
    release.event(pod, "Unhealthy", said)


def killed_by_probe(release: Release, _: KubernetesApiServer) -> None:
    pod = release.pods("node")[0]
    said = "Container aiex failed liveness probe, will be restarted"
    release.event(pod, "Killing", said)


def crashing_between(release: Release, _: KubernetesApiServer) -> None:
    release.ended(release.pods("node")[0], "Error", 1, "the data directory is read-only")


def not_ready(release: Release, _: KubernetesApiServer) -> None:
    pod = release.pods("node")[1]
    release.unready(pod)
    release.event(
        pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"
    )


def claim_without_class(release: Release, _: KubernetesApiServer) -> None:
    _pending(release, storageClassName=None)
    release.remove(release.one("StorageClass", "standard"))


def claim_of_unknown_class(release: Release, _: KubernetesApiServer) -> None:
    _pending(release, storageClassName="fast")


def claim_without_room(release: Release, _: KubernetesApiServer) -> None:
    claim = _pending(release)
    said = 'failed to provision volume with StorageClass "standard": not enough free space'
    release.event(claim, "ProvisioningFailed", said)


def claim_in_another_zone(release: Release, _: KubernetesApiServer) -> None:
    _pending(release, why="0/3 nodes are available: 3 node(s) had volume node affinity conflict.")


def _pending(release: Release, *, why: str = "", **spec: str | None) -> dict[str, object]:
    """The claim of a server of NATS, which therefore has no machine."""
    claim = release.one("PersistentVolumeClaim", "data-aiex-nats-0")
    claim["status"]["phase"] = "Pending"
    claim["spec"].update(spec)
    pod = release.one("Pod", "aiex-nats-0")
    release.unscheduled(
        pod, why or "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    )
    return claim


def no_machine(release: Release, _: KubernetesApiServer) -> None:
    release.unscheduled(release.pods("node")[2], "0/3 nodes are available: 3 Insufficient cpu.")


def no_image(release: Release, _: KubernetesApiServer) -> None:
    said = 'Back-off pulling image "registry.example/aiex:0.1.0": not found'
    release.waits(release.pods("node")[0], "ImagePullBackOff", said)


def crashing(release: Release, api: KubernetesApiServer) -> None:
    pod = release.pods("node")[0]
    release.waits(pod, "CrashLoopBackOff", "back-off 5m0s restarting failed container=aiex")
    release.ended(pod, "Error", 1)
    log = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}/log"
    api.answer(log, Answer(200, b"The settings have problems:\napi.prot: unknown\n", "text/plain"))


def memory_out(release: Release, _: KubernetesApiServer) -> None:
    pod = release.pods("node")[0]
    release.waits(pod, "CrashLoopBackOff", "back-off 5m0s restarting failed container=aiex")
    release.ended(pod, "OOMKilled", 137)


def secret_gone(release: Release, _: KubernetesApiServer) -> None:
    pod = release.pods("node")[0]
    release.waits(pod, "ContainerCreating", "")
    said = 'MountVolume.SetUp failed for volume "secrets" : secret "aiex-secrets" not found'
    release.event(pod, "FailedMount", said)


def key_gone(release: Release, _: KubernetesApiServer) -> None:
    said = "couldn't find key engine-password in Secret aiex/aiex-secrets"
    release.waits(release.pods("node")[0], "CreateContainerConfigError", said)


def pod_security(release: Release, _: KubernetesApiServer) -> None:
    said = 'pods "aiex-1" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot'
    deployment = release.one("Deployment", "aiex")
    condition(deployment, "ReplicaFailure", "True", "FailedCreate", said)
    for pod in release.pods("node"):
        release.remove(pod)
    for name in ("aiex", "aiex-admin", "aiex-headless"):
        release.one("EndpointSlice", f"{name}-abcde")["endpoints"] = None


def over_quota(release: Release, _: KubernetesApiServer) -> None:
    pod = release.one("Pod", "aiex-nats-2")
    release.remove(pod)
    stateful_set = release.one("StatefulSet", "aiex-nats")
    release.event(stateful_set, "FailedCreate", "create Pod failed: exceeded quota: compute")


def job_failed(release: Release, _: KubernetesApiServer) -> None:
    labels = dict(release.one("Service", "aiex")["metadata"]["labels"])
    labels["app.kubernetes.io/component"] = "secrets"
    said = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": ""}
    release.objects.append(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "aiex-secrets", "namespace": NAMESPACE, "labels": labels},
            "status": {"conditions": [said]},
        }
    )


def other_version(release: Release, _: KubernetesApiServer) -> None:
    pod = release.pods("node")[0]
    pod["spec"]["containers"][0]["image"] = "registry.example/aiex:0.0.9"


def old_kubernetes(_: Release, api: KubernetesApiServer) -> None:
    api.version = "v1.29.4"


def clock_ahead(release: Release, _: KubernetesApiServer) -> None:
    lease = release.one("Lease", "machine-b")
    lease["spec"]["renewTime"] = (release.now + timedelta(seconds=90)).isoformat()


def clock_behind(release: Release, _: KubernetesApiServer) -> None:
    lease = release.one("Lease", "machine-c")
    lease["spec"]["renewTime"] = (release.now - timedelta(seconds=300)).isoformat()


def node_clock_behind(release: Release, api: KubernetesApiServer) -> None:
    pod = release.pods("node")[0]["metadata"]["name"]
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8081/proxy/livez"
    api.answer(path, Answer(200, b"ok\n", "text/plain", date_ahead_s=-30.0))


def no_metrics_server(release: Release, api: KubernetesApiServer) -> None:
    api.api_groups.discard("metrics.k8s.io")
    said = "unable to get resource metric cpu: the server could not find the requested resource"
    scaler = release.one("HorizontalPodAutoscaler", "aiex")
    condition(scaler, "ScalingActive", "False", "FailedGetResourceMetric", said)


def no_requests(release: Release, _: KubernetesApiServer) -> None:
    scaler = release.one("HorizontalPodAutoscaler", "aiex")
    said = "failed to get cpu utilization: missing request for cpu in container aiex of Pod aiex-1"
    condition(scaler, "ScalingActive", "False", "FailedGetResourceMetric", said)


def no_adapter(release: Release, _: KubernetesApiServer) -> None:
    scaler = release.one("HorizontalPodAutoscaler", "aiex")
    metric = {"metric": {"name": "aiex_requests_in_flight"}, "target": {"type": "AverageValue"}}
    scaler["spec"]["metrics"] = [{"type": "Pods", "pods": metric}]
    said = "unable to get metric aiex_requests_in_flight: no custom metrics API"
    condition(scaler, "ScalingActive", "False", "FailedGetPodsMetric", said)


def scaler_of_nobody(release: Release, _: KubernetesApiServer) -> None:
    scaler = release.one("HorizontalPodAutoscaler", "aiex")
    scaler["spec"]["scaleTargetRef"]["name"] = "aiexx"
    condition(scaler, "AbleToScale", "False", "FailedGetScale", 'deployments "aiexx" not found')


def short_grace(release: Release, _: KubernetesApiServer) -> None:
    deployment = release.one("Deployment", "aiex")
    deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 30


def quorum_lost(release: Release, _: KubernetesApiServer) -> None:
    for name in ("aiex-nats-1", "aiex-nats-2"):
        release.unready(release.one("Pod", name))
        release.one("Pod", name)["status"]["phase"] = "Pending"


def leader_lost(release: Release, api: KubernetesApiServer) -> None:
    body = b'{"meta_cluster": {"name": "aiex", "leader": "", "cluster_size": 3}}'
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/aiex-nats-0:8222/proxy/jsz"
    api.answer(path, Answer(200, body))


def server_away(release: Release, _: KubernetesApiServer) -> None:
    release.remove(release.one("Pod", "aiex-nats-1"))


def two_servers(release: Release, _: KubernetesApiServer) -> None:
    release.one("StatefulSet", "aiex-nats")["spec"]["replicas"] = 2
    release.remove(release.one("Pod", "aiex-nats-2"))


def stubborn_budget(release: Release, _: KubernetesApiServer) -> None:
    budget = release.one("PodDisruptionBudget", "aiex")
    budget["spec"] = {"minAvailable": 3, "selector": budget["spec"]["selector"]}
    budget["status"]["disruptionsAllowed"] = 0


def changed_settings(release: Release, _: KubernetesApiServer) -> None:
    settings = release.one("ConfigMap", "aiex")
    settings["data"]["aiex.toml"] += '\n[log]\nlevel = "debug"\n'


def little_memory(release: Release, _: KubernetesApiServer) -> None:
    for pod in release.pods("node"):
        pod["spec"]["containers"][0]["resources"]["limits"]["memory"] = "128Mi"


def one_cluster_name(release: Release, _: KubernetesApiServer) -> None:
    own = release.one("ConfigMap", "aiex")
    other = Release("blue").one("ConfigMap", "blue")
    other["data"]["aiex.toml"] = own["data"]["aiex.toml"]
    release.objects.append(other)


def sick_machine(release: Release, _: KubernetesApiServer) -> None:
    condition(release.one("Node", "machine-a"), "DiskPressure", "True", "KubeletHasDiskPressure")


def stuck_rollout(release: Release, _: KubernetesApiServer) -> None:
    said = 'ReplicaSet "aiex-55" has timed out progressing.'
    deployment = release.one("Deployment", "aiex")
    condition(deployment, "Progressing", "False", "ProgressDeadlineExceeded", said)


def scaled_to_nothing(release: Release, _: KubernetesApiServer) -> None:
    release.one("Deployment", "aiex")["spec"]["replicas"] = 0
    for pod in release.pods("node"):
        release.remove(pod)
    for name in ("aiex", "aiex-admin", "aiex-headless"):
        release.one("EndpointSlice", f"{name}-abcde")["endpoints"] = None


def not_installed(release: Release, _: KubernetesApiServer) -> None:
    release.objects = [
        one for one in release.objects if one["metadata"].get("namespace") != NAMESPACE
    ]


FAULTS: dict[str, Fault] = {
    plant.__name__: Fault(rule, says, plant)
    for rule, says, plant in (
        (
            "selector_matches_nothing",
            "app.kubernetes.io/name=aiexx, which no pod",
            no_pods_selected,
        ),
        ("target_port_unknown", "leads to the port http of", wrong_target_port),
        ("unready_unpublished", "aiex-nats-headless does not publish", unpublished),
        ("addresses_unpublished", "does not publish the address of aiex-", slice_without_address),
        (
            "policy_blocks",
            "Port 4222 of pods of nats is closed to pods of node",
            nats_shut_to_nodes,
        ),
        ("policy_blocks", "lets them out", nodes_may_not_leave),
        ("policy_blocks", "by it servers of NATS reach each other", routes_shut),
        ("dns_blocked", "lets pods of node ask DNS", dns_shut),
        ("probe_fails", "nobody listens at that port", nobody_listens),
        ("probe_fails", "nothing comes back", probe_times_out),
        ("probe_fails", "failed liveness probe", killed_by_probe),
        ("crash_loop", "the data directory is read-only", crashing_between),
        ("node_not_ready", "takes no requests", not_ready),
        ("claim_pending", "no storage class, and the cluster has no default", claim_without_class),
        ("claim_pending", "no storage class fast", claim_of_unknown_class),
        ("claim_pending", "not enough free space", claim_without_room),
        ("claim_pending", "in another zone", claim_in_another_zone),
        ("unschedulable", "3 Insufficient cpu", no_machine),
        ("image_not_pulled", "not found", no_image),
        ("crash_loop", "api.prot: unknown", crashing),
        ("out_of_memory", "the limit of 4Gi", memory_out),
        ("secret_missing", 'secret "aiex-secrets" not found', secret_gone),
        ("secret_missing", "couldn't find key engine-password", key_gone),
        ("pod_refused", "refused by Pod Security", pod_security),
        ("pod_refused", "refused by a quota", over_quota),
        ("job_failed", "BackoffLimitExceeded", job_failed),
        ("versions_differ", "aiex:0.0.9", other_version),
        ("kubernetes_untested", "tested for 1.34 to 1.37", old_kubernetes),
        ("clocks_differ", "The clock of machine machine-b is", clock_ahead),
        ("clocks_differ", "The clock of machine machine-c is", clock_behind),
        ("clocks_differ", "s behind the Kubernetes API's", node_clock_behind),
        ("scaler_blind", "has no metrics.k8s.io", no_metrics_server),
        ("scaler_blind", "asks for no CPU or memory", no_requests),
        ("scaler_blind", "has no custom.metrics.k8s.io", no_adapter),
        ("scaler_unable", "cannot scale deployment/aiexx", scaler_of_nobody),
        ("grace_short", "30 s after it told it to stop, and a drain may take 65 s", short_grace),
        ("no_quorum", "1 of its 3 servers is ready", quorum_lost),
        ("no_quorum", "no server knows a leader", leader_lost),
        ("server_away", "A server of NATS is away", server_away),
        ("servers_few", "NATS has 2 servers", two_servers),
        ("budget_blocks", "never lets a pod go", stubborn_budget),
        ("settings_old", "other settings than configmap/aiex", changed_settings),
        ("limits_small", "memory limit of nodes is 128Mi", little_memory),
        ("cluster_name_shared", "aiex and blue share one NATS", one_cluster_name),
        ("machine_unwell", "machine-a is not well (DiskPressure)", sick_machine),
        ("rollout_stuck", "timed out progressing", stuck_rollout),
        ("scaled_to_nothing", "deployment/aiex is scaled to 0", scaled_to_nothing),
        ("release_absent", "There is no release of Aiex in namespace aiex", not_installed),
    )
}
