"""Checks of a pod as a whole: what it shares with its machine, where it may run, who it is."""

import re

from scripts.chart.objects import Objects, Pod, at, kind_of, selects
from scripts.chart.policy.rules import Check, of_pods

_SENSITIVE_DIRECTORIES = ("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr")
_UNSAFE_SYSCTLS = ("kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue.", "net.")


def shares(what: str) -> Check:
    """`hostNetwork`, `hostPID` or `hostIPC`."""
    return of_pods(lambda pod, _: f"{what} is on" if pod.spec.get(what) else "")


def mounts_host_path(pod: Pod, _objects: Objects) -> str:
    names = [one["name"] for one in pod.volumes if "hostPath" in one]
    return f"volume {names[0]} is a directory of the machine" if names else ""


def _host_mounts(pod: Pod) -> list[str]:
    mounted = {
        mount["name"] for one in pod.containers for mount in one.spec.get("volumeMounts", [])
    }
    paths = [at(one, "hostPath", "path") for one in pod.volumes if one["name"] in mounted]
    return [path for path in paths if path is not None]


def mounts_sensitive_directory(pod: Pod, _objects: Objects) -> str:
    bad = [path for path in _host_mounts(pod) if path in _SENSITIVE_DIRECTORIES]
    return f"mounts {bad[0]} of the machine" if bad else ""


def mounts_docker_socket(pod: Pod, _objects: Objects) -> str:
    bad = [path for path in _host_mounts(pod) if re.search(r"docker.sock$", path)]
    return f"mounts {bad[0]}" if bad else ""


def has_unsafe_sysctl(pod: Pod, _objects: Objects) -> str:
    names = [one["name"] for one in at(pod.spec, "securityContext", "sysctls") or ()]
    bad = [name for name in names if name.startswith(_UNSAFE_SYSCTLS)]
    return f"sysctl {bad[0]}" if bad else ""


def is_host_process(pod: Pod, _objects: Objects) -> str:
    contexts = [
        pod.spec.get("securityContext") or {},
        *(one.own_security for one in pod.containers),
    ]
    is_one = any(at(one, "windowsOptions", "hostProcess") for one in contexts)
    return "windowsOptions.hostProcess is on" if is_one else ""


def uses_deprecated_account_field(pod: Pod, _objects: Objects) -> str:
    return "the field serviceAccount is deprecated" if "serviceAccount" in pod.spec else ""


def account_is_missing(pod: Pod, objects: Objects) -> str:
    name = pod.spec.get("serviceAccountName") or pod.spec.get("serviceAccount")
    if name in (None, "", "default") or objects.named("ServiceAccount", name):
        return ""
    return f"ServiceAccount {name} is not among the objects"


def mounts_token(pod: Pod, objects: Objects) -> str:
    """The pod says so, or leaves it to a service account that does."""
    own = pod.spec.get("automountServiceAccountToken")
    account = objects.named("ServiceAccount", pod.spec.get("serviceAccountName") or "default")
    inherited = at(account, "automountServiceAccountToken")
    if own is False or (own is None and inherited is False):
        return ""
    return "gets a token for Kubernetes' API"


def has_bad_topology_spread(pod: Pod, _objects: Objects) -> str:
    for one in pod.spec.get("topologySpreadConstraints") or ():
        is_sound = (
            one.get("labelSelector")
            and one.get("maxSkew")
            and one.get("minDomains") != 0
            and one.get("topologyKey")
            and one.get("whenUnsatisfiable") in ("DoNotSchedule", "ScheduleAnyway")
        )
        if not is_sound:
            return f"no topology spread constraint: {one}"
        if not selects(one["labelSelector"], pod.labels):
            return "a topology spread constraint does not select the pod itself"
    return ""


def lacks_topology_spread(pod: Pod, _objects: Objects) -> str:
    has_any = pod.ends or pod.spec.get("topologySpreadConstraints")
    return "" if has_any else "no topologySpreadConstraints"


def lacks_network_policy(pod: Pod, objects: Objects) -> str:
    """Both ways must be ruled; a policy without `policyTypes` rules what it has, and ingress."""
    ruled: set[str] = set()
    for policy in objects.of("NetworkPolicy"):
        if selects(at(policy, "spec", "podSelector"), pod.labels):
            implied = ["Ingress", *(["Egress"] if at(policy, "spec", "egress") else [])]
            ruled |= set(at(policy, "spec", "policyTypes") or implied)
    missing = sorted({"Ingress", "Egress"} - ruled)
    return f"no NetworkPolicy for {' and '.join(missing)}" if missing else ""


def lacks_probe_of_service(pod: Pod, objects: Objects) -> str:
    """A pod behind a service, none of whose containers says when it is ready or alive."""
    if pod.ends or not any(
        selects({"matchLabels": labels}, pod.labels)
        for one in objects.of("Service")
        if (labels := at(one, "spec", "selector"))
    ):
        return ""
    missing = [
        probe
        for probe in ("readinessProbe", "livenessProbe")
        if not any(one.spec.get(probe) for one in pod.containers)
    ]
    return f"no {' and no '.join(missing)} behind a Service" if missing else ""


def has_no_deadline(pod: Pod, _objects: Objects) -> str:
    """A CronJob that may pile up starts it missed."""
    is_sound = kind_of(pod.owner) != "CronJob" or at(pod.owner, "spec", "startingDeadlineSeconds")
    return "" if is_sound else "no startingDeadlineSeconds"


def restarts_for_ever(pod: Pod, _objects: Objects) -> str:
    if kind_of(pod.owner) != "CronJob" or pod.spec.get("restartPolicy") in ("Never", "OnFailure"):
        return ""
    return "restartPolicy is neither Never nor OnFailure"


def keeps_finished_jobs(pod: Pod, _objects: Objects) -> str:
    """A Job that stays after it ended. A CronJob's are kept by its history limits instead."""
    if kind_of(pod.owner) == "Job" and at(pod.owner, "spec", "ttlSecondsAfterFinished") is None:
        return "no ttlSecondsAfterFinished"
    template = at(pod.owner, "spec", "jobTemplate", "spec", "ttlSecondsAfterFinished")
    return "ttlSecondsAfterFinished beside the history limits" if template is not None else ""
