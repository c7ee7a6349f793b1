"""The guide's roles hold every right the doctor asks for, and no other."""

import re
from pathlib import Path
from typing import Any

import yaml

from aiex.kubernetes.collection.collection import NAMESPACED, OF_THE_CLUSTER, resource_of

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "kubernetes-doctor.md"


def rights(role: dict[str, Any]) -> set[str]:
    return {
        f"{verb} {resource}" + (f".{group}" if group else "")
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_the_roles_of_the_guide_are_what_is_asked_for() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    role, cluster_role = map(yaml.safe_load, blocks)
    listed = {f"list {resource_of(kind)}" for kind in NAMESPACED}
    assert rights(role) == listed | {"get pods/log", "get pods/proxy"}
    machines = {f"list {resource_of(kind)}" for kind in OF_THE_CLUSTER}
    assert rights(cluster_role) == machines | {"list leases.coordination.k8s.io"}
