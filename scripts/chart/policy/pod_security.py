"""Pod Security Standard `restricted`, as Kubernetes 1.36 enforces it; `baseline` is part of it."""

from scripts.chart.objects import Container, Object, Objects, Pod, at
from scripts.chart.policy import containers, pods
from scripts.chart.policy.rules import Catalogue, Rule, of_containers, of_pods

_DEFAULT_CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
_SAFE_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
_SELINUX_TYPES = {"container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def _contexts(pod: Pod) -> list[Object]:
    return [pod.spec.get("securityContext") or {}, *(one.own_security for one in pod.containers)]


def has_probe_of_other_host(container: Container) -> str:
    places = [
        *(at(container.spec, f"{what}Probe") for what in ("liveness", "readiness", "startup")),
        *(at(container.spec, "lifecycle", what) for what in ("postStart", "preStop")),
    ]
    for one in places:
        if at(one, "httpGet", "host") or at(one, "tcpSocket", "host"):
            return "a probe or lifecycle hook names a host"
    return ""


def has_loose_app_armor(pod: Pod, _objects: Objects) -> str:
    kinds = [at(one, "appArmorProfile", "type") for one in _contexts(pod)]
    notes = [
        value
        for key, value in (at(pod.template, "metadata", "annotations") or {}).items()
        if key.startswith("container.apparmor.security.beta.kubernetes.io/")
    ]
    is_loose = any(kind not in (None, "RuntimeDefault", "Localhost") for kind in kinds)
    is_loose = is_loose or any(
        note not in ("", "runtime/default") and not note.startswith("localhost/") for note in notes
    )
    return "an AppArmor profile is neither RuntimeDefault nor Localhost" if is_loose else ""


def has_own_selinux(pod: Pod, _objects: Objects) -> str:
    for one in _contexts(pod):
        options = one.get("seLinuxOptions") or {}
        if options.get("user") or options.get("role"):
            return "seLinuxOptions name a user or a role"
        if options.get("type", "") not in {"", *_SELINUX_TYPES}:
            return f"seLinuxOptions.type is {options['type']}"
    return ""


def has_forbidden_sysctl(pod: Pod, _objects: Objects) -> str:
    names = {one["name"] for one in at(pod.spec, "securityContext", "sysctls") or ()}
    return f"sysctl {min(names - _SAFE_SYSCTLS)}" if names - _SAFE_SYSCTLS else ""


def has_other_volume(pod: Pod, _objects: Objects) -> str:
    for volume in pod.volumes:
        kinds = set(volume) - {"name"}
        if not kinds or kinds - _VOLUMES:
            return f"volume {volume['name']} is a {', '.join(sorted(kinds)) or 'nothing'}"
    return ""


def may_be_any_user(container: Container) -> str:
    if container.security.get("runAsNonRoot") is not True:
        return "runAsNonRoot is not true"
    return "runAsUser is 0" if container.security.get("runAsUser") == 0 else ""


def has_loose_seccomp(container: Container) -> str:
    kind = at(container.security, "seccompProfile", "type")
    return "" if kind in ("RuntimeDefault", "Localhost") else f"seccompProfile is {kind}"


POD_SECURITY = Catalogue(
    "pod-security",
    "kubernetes.io, Pod Security Standards, restricted, v1.36",
    (
        Rule("host-process", of_pods(pods.is_host_process)),
        Rule("host-network", pods.shares("hostNetwork")),
        Rule("host-pid", pods.shares("hostPID")),
        Rule("host-ipc", pods.shares("hostIPC")),
        Rule("privileged-containers", of_containers(containers.is_privileged)),
        Rule("baseline-capabilities", containers.adds_other_than(*_DEFAULT_CAPABILITIES)),
        Rule("host-path-volumes", of_pods(pods.mounts_host_path)),
        Rule("host-ports", of_containers(containers.has_host_port)),
        Rule("host-probes-and-lifecycle-hooks", of_containers(has_probe_of_other_host)),
        Rule("app-armor", of_pods(has_loose_app_armor)),
        Rule("selinux", of_pods(has_own_selinux)),
        Rule("proc-mount-type", of_containers(containers.has_unmasked_proc)),
        Rule("sysctls", of_pods(has_forbidden_sysctl)),
        Rule("volume-types", of_pods(has_other_volume)),
        Rule("privilege-escalation", of_containers(containers.may_escalate)),
        Rule("running-as-non-root", of_containers(may_be_any_user)),
        Rule("seccomp", of_containers(has_loose_seccomp)),
        Rule("drops-all-capabilities", of_containers(containers.keeps_any_capability)),
        Rule("restricted-capabilities", containers.adds_other_than("NET_BIND_SERVICE")),
    ),
)
