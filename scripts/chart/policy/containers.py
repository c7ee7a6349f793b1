"""Checks of a container: what it may, what it gets, what image it runs."""

import re
from collections import Counter

from scripts.chart.objects import Container, Object, at
from scripts.chart.policy.rules import Check, of_containers, of_served_containers

_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]*[a-z0-9])?")
# Names of variables whose values are secret, and what looks like a key whatever its name.
_SENSITIVE_NAME = re.compile(
    r"(?i)^AWS_SECRET_ACCESS_KEY$|^GOOGLE_APPLICATION_CREDENTIALS$|^AZURE_.+KEY$"
    r"|^OCI_CLI_KEY_CONTENT$|password|token|bearer|secret"
)
# Kubernetes puts another variable's value there.
_REFERENCE = re.compile(r"\$\([A-Za-z_][A-Za-z0-9_]*\)")
PRIVATE_KEY = re.compile(r"(?i)-BEGIN\s+.*PRIVATE KEY-")
# What a container has without asking, and can do harm with.
INSECURE_CAPABILITIES = (
    "NET_ADMIN",
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
)


def lacks(*path: str) -> Check:
    """A container without a value at this path, or with nought."""

    def fault(one: Container) -> str:
        return "" if at(one.spec, *path) not in (None, 0, "0") else f"no {'.'.join(path)}"

    return of_containers(fault)


def lacks_resources(container: Container) -> str:
    kinds = (("requests", "cpu"), ("requests", "memory"), ("limits", "cpu"), ("limits", "memory"))
    missing = [".".join(kind) for kind in kinds if not at(container.spec, "resources", *kind)]
    return f"no resources.{', '.join(missing)}" if missing else ""


def lacks_ephemeral_storage(container: Container) -> str:
    missing = [
        kind
        for kind in ("requests", "limits")
        if not at(container.spec, "resources", kind, "ephemeral-storage")
    ]
    return f"no ephemeral-storage in {', '.join(missing)}" if missing else ""


def has_loose_image(container: Container) -> str:
    image = str(container.spec.get("image", ""))
    name, _, digest = image.partition("@")
    if digest:
        return ""
    _, colon, tag = name.rpartition("/")[2].partition(":")
    return "" if colon and tag not in ("", "latest") else f"image {image!r} has no fixed tag"


def has_duplicate_variables(container: Container) -> str:
    counts = Counter(one["name"] for one in container.spec.get("env", []))
    twice = sorted(name for name, count in counts.items() if count > 1)
    return f"variables twice: {', '.join(twice)}" if twice else ""


def has_secret_in_variable(container: Container) -> str:
    """A variable named after a secret whose value stands in the manifest."""
    for one in container.spec.get("env", []):
        if "secret" in one["name"].lower() and one.get("value"):
            return f"the value of {one['name']} is no reference"
    return ""


def has_sensitive_variable(container: Container) -> str:
    """As above by more names, and any private key.

    A path to a file (`*_FILE`) tells nothing, and neither do references to other variables alone.
    """
    for one in container.spec.get("env", []):
        value = one.get("value")
        if value is None or (one["name"].endswith("_FILE") and value.startswith("/")):
            continue
        if not _REFERENCE.sub("", value).strip("'\""):
            continue
        if _SENSITIVE_NAME.search(one["name"]) or PRIVATE_KEY.search(value):
            return f"{one['name']} has a value that others may read"
    return ""


def is_privileged(container: Container) -> str:
    return "runs privileged" if container.own_security.get("privileged") else ""


def may_escalate(container: Container) -> str:
    if container.own_security.get("allowPrivilegeEscalation") is not False:
        return "allowPrivilegeEscalation is not false"
    return is_privileged(container)


def has_writable_root(container: Container) -> str:
    if container.own_security.get("readOnlyRootFilesystem") is True:
        return ""
    return "readOnlyRootFilesystem is not true"


def may_be_root(container: Container) -> str:
    security = container.security
    if security.get("runAsUser") == 0 or security.get("runAsGroup") == 0:
        return "runs as root"
    is_safe = security.get("runAsNonRoot") is True or (security.get("runAsUser") or 0) > 0
    return "" if is_safe else "neither runAsNonRoot nor a runAsUser above 0"


def has_low_ids(container: Container) -> str:
    """Numbers below 10000 may be those of somebody on the machine."""
    for what in ("runAsUser", "runAsGroup"):
        number = container.security.get(what)
        if number is None or number < 10000:
            return f"{what} is {number}, not 10000 or more"
    return ""


def _capabilities(container: Container, what: str) -> set[str]:
    return {str(one).upper() for one in at(container.own_security, "capabilities", what) or ()}


def keeps(*capabilities: str) -> Check:
    def fault(container: Container) -> str:
        dropped, added = _capabilities(container, "drop"), _capabilities(container, "add")
        kept = set() if "ALL" in dropped else set(capabilities) - dropped
        kept |= added & {*capabilities, "ALL"}
        return f"has {', '.join(sorted(kept))}" if kept else ""

    return of_containers(fault)


def keeps_any_capability(container: Container) -> str:
    return "" if "ALL" in _capabilities(container, "drop") else "does not drop ALL"


def adds(*capabilities: str) -> Check:
    def fault(container: Container) -> str:
        added = _capabilities(container, "add") & set(capabilities)
        return f"adds {', '.join(sorted(added))}" if added else ""

    return of_containers(fault)


def adds_other_than(*capabilities: str) -> Check:
    def fault(container: Container) -> str:
        added = _capabilities(container, "add") - set(capabilities)
        return f"adds {', '.join(sorted(added))}" if added else ""

    return of_containers(fault)


def is_not_hardened(container: Container) -> str:
    """Neither seccomp, nor SELinux, nor a capability dropped, nor AppArmor."""
    security = container.security
    profile = at(security, "seccompProfile", "type")
    app_armor = at(security, "appArmorProfile", "type")
    is_hard = (
        profile not in (None, "", "Unconfined")
        or app_armor not in (None, "", "Unconfined")
        or bool(security.get("seLinuxOptions"))
        or bool(_capabilities(container, "drop") and "ALL" not in _capabilities(container, "add"))
    )
    return "" if is_hard else "nothing restricts what it asks of the kernel"


def has_host_port(container: Container) -> str:
    ports = [one["hostPort"] for one in container.spec.get("ports", []) if one.get("hostPort")]
    return f"hostPort {ports[0]}" if ports else ""


def has_port(number: int) -> Check:
    def fault(container: Container) -> str:
        ports = [one.get("containerPort") for one in container.spec.get("ports", [])]
        return f"has port {number}" if number in ports else ""

    return of_containers(fault)


def is_bad_port_name(name: str) -> bool:
    """Kubernetes' `IsValidPortName`: 15 characters of which one is a letter, no two dashes."""
    return len(name) > 15 or "--" in name or _PORT_NAME.fullmatch(name) is None


def has_bad_port_name(container: Container) -> str:
    names = [one.get("name", "") for one in container.spec.get("ports", [])]
    bad = [name for name in names if name and is_bad_port_name(name)]
    return f"no name of a port: {', '.join(bad)}" if bad else ""


def has_unmasked_proc(container: Container) -> str:
    mount = container.own_security.get("procMount", "Default")
    return "" if mount == "Default" else f"procMount {mount}"


def lacks_probe(probe: str) -> Check:
    return of_served_containers(lambda one: "" if one.spec.get(probe) else f"no {probe}")


def probes_closed_port(probe: str) -> Check:
    """A probe of a port that the container does not declare."""

    def fault(container: Container) -> str:
        target = container.spec.get(probe) or {}
        port = next(
            (target[how]["port"] for how in ("httpGet", "tcpSocket", "grpc") if how in target), None
        )
        ports = container.spec.get("ports", [])
        declared = [one for one in ports if one.get("protocol", "TCP") == "TCP"]
        known = {one.get("name") for one in declared} | {one["containerPort"] for one in declared}
        return "" if port is None or port in known else f"{probe} asks port {port}: not declared"

    return of_served_containers(fault)


def probes_are_identical(container: Container) -> str:
    ready, live = (container.spec.get(f"{what}Probe") for what in ("readiness", "liveness"))
    if not ready or not live:
        return ""
    return "readiness and liveness ask the same" if _asked(ready) == _asked(live) else ""


def _asked(probe: Object) -> tuple[object, ...]:
    return (
        at(probe, "httpGet", "path"),
        at(probe, "httpGet", "port"),
        at(probe, "tcpSocket", "port"),
        at(probe, "exec", "command"),
        at(probe, "grpc", "port"),
        at(probe, "grpc", "service"),
    )
