"""Checks of roles and bindings, and of ConfigMaps that hold what only a Secret may."""

import re
from collections.abc import Iterable

from scripts.chart.objects import Object, Objects, at, name_of
from scripts.chart.policy.containers import PRIVATE_KEY
from scripts.chart.policy.rules import Check, of_kind

# A path to a secret's file is no secret, so a key that ends in `_FILE` is not meant.
_SENSITIVE_KEY = re.compile(
    r"(?i)^AWS_SECRET_ACCESS_KEY$|^GOOGLE_APPLICATION_CREDENTIALS$|^AZURE_.+KEY$"
    r"|^OCI_CLI_KEY_CONTENT$|password|token|bearer|secret"
)
_EVERY_VERB = {"get", "list", "watch", "create", "update", "patch", "delete"}
# Kubernetes' own roles, whose rules it keeps itself.
_KNOWN_ROLES = ("admin", "edit", "view")


def _meets(rule: Object, what: str, wanted: Iterable[str]) -> bool:
    return bool({"*", *wanted} & set(rule.get(what) or ()))


def _enters_pods(rule: Object) -> bool:
    """An exec is also possible by `get`, over a web socket."""
    return (
        _meets(rule, "apiGroups", [""])
        and _meets(rule, "resources", ["pods/exec", "pods/attach"])
        and _meets(rule, "verbs", ["get", "create"])
    )


def _allows_all(rule: Object) -> bool:
    verbs = set(rule.get("verbs") or ())
    return (
        "*" in (rule.get("apiGroups") or ())
        and "*" in (rule.get("resources") or ())
        and ("*" in verbs or verbs >= _EVERY_VERB)
    )


def role_enters_pods(role: Object, _objects: Objects) -> str:
    is_one = any(_enters_pods(rule) for rule in role.get("rules") or ())
    return "allows pods/exec or pods/attach" if is_one else ""


def has_wide_rights(role: Object, _objects: Objects) -> str:
    """Rights to more than is named: a star, or to Secrets that a name does not narrow down.

    Creating cannot be narrowed, since there is no name yet when the API decides.
    """
    for rule in role.get("rules") or ():
        if any("*" in (rule.get(what) or ()) for what in ("apiGroups", "resources", "verbs")):
            return "has a star in its rules"
        is_narrow = rule.get("resourceNames") or set(rule.get("verbs") or ()) <= {"create"}
        if "secrets" in (rule.get("resources") or ()) and not is_narrow:
            return f"{', '.join(rule['verbs'])} any Secret of the namespace"
    return ""


def binds(binding_kind: str, role_kind: str, what: str) -> Check:
    """A binding to a role that allows `everything` or to enter pods (`exec`), or is not there."""
    is_bad = {"everything": _allows_all, "exec": _enters_pods}[what]

    def fault(binding: Object, objects: Objects) -> str:
        reference = binding.get("roleRef") or {}
        name = str(reference.get("name", ""))
        if reference.get("kind") != role_kind:
            return ""
        if role_kind == "ClusterRole" and name == "cluster-admin":
            return "binds cluster-admin"
        role = objects.named(role_kind, name)
        if role is None:
            is_known = role_kind == "ClusterRole" and name in _KNOWN_ROLES
            return "" if is_known else f"binds {role_kind} {name}, which is not among the objects"
        found = any(is_bad(rule) for rule in role.get("rules") or ())
        return f"binds {name_of(role)}, which allows {what}" if found else ""

    return of_kind(binding_kind)(fault)


def map_has_secret(config: Object, _objects: Objects) -> str:
    for key, value in (at(config, "data") or {}).items():
        if _SENSITIVE_KEY.search(key) and not key.endswith("_FILE"):
            return f"the key {key} is called like a secret"
        if PRIVATE_KEY.search(str(value)):
            return f"{key} holds a private key"
    return ""
