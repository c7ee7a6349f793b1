"""What the acceptance brings into a cluster: valid for each Kubernetes, and restricted."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.chart.objects import Objects
from scripts.chart.policy.pod_security import POD_SECURITY
from scripts.chart.renderings import parsed
from scripts.chart.schemas import VERSIONS, Definitions
from scripts.chart.tools import Release, template
from tests.deploy.acceptance.test_course import OPTIONS
from tests.k8s import manifests
from tests.k8s.release import release_values

pytestmark = pytest.mark.usefixtures("kubernetes_tools")

SPACE = OPTIONS.namespace
VALUES = release_values(OPTIONS)
RESTRICTED = [
    manifests.namespace(SPACE, manifests.RESTRICTED),
    manifests.scripts(SPACE),
    manifests.pull_secret(SPACE, "{}"),
    manifests.load_pod(OPTIONS, "acceptance-load", "aiex-secrets", "m1"),
    manifests.script_pod(OPTIONS, OPTIONS.outside, manifests.LISTENER, ["reach.py", "--listen"]),
]
KILLER = manifests.kill_pod(OPTIONS, "acceptance-kill", "m1", "uid-1")


@cache
def definitions(version: str) -> Definitions:
    return Definitions.load(version)


def faults(version: str, *items: dict[str, Any]) -> list[str]:
    return [fault for one in items for fault in definitions(version).faults(one)]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str) -> None:
    assert not faults(version, *RESTRICTED, KILLER)


def test_every_pod_but_the_one_that_kills_is_restricted() -> None:
    assert not list(POD_SECURITY.findings(Objects(tuple(RESTRICTED))))
    broken = {finding.rule for finding in POD_SECURITY.findings(Objects((KILLER,)))}
    # It sees the machine's processes and is root there, to kill those of a stranger; that is all.
    assert broken == {
        "pod-security/host-pid",
        "pod-security/restricted-capabilities",
        "pod-security/running-as-non-root",
    }


def test_the_namespace_refuses_what_is_not_restricted() -> None:
    labels = manifests.namespace(SPACE, manifests.RESTRICTED)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels[manifests.OWNER_LABEL] == manifests.OWNER


@pytest.mark.parametrize("manifest", [*RESTRICTED[3:], KILLER])
def test_no_pod_pulls_anything_but_the_image_given(manifest: dict[str, Any]) -> None:
    (container,) = manifest["spec"]["containers"]
    assert container["image"] == "registry:5000/aiex:1"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["command"][0] == "python"


def test_the_load_asks_the_service_that_the_chart_makes(tmp_path: Path) -> None:
    objects = rendered(tmp_path, VALUES)
    (service,) = [
        one
        for one in objects
        if one["kind"] == "Service" and one["metadata"]["name"] == OPTIONS.release
    ]
    (container,) = RESTRICTED[3]["spec"]["containers"]
    url = f"http://{OPTIONS.release}.{SPACE}.svc:{service['spec']['ports'][0]['port']}"
    assert f"--url={url}" in container["command"]
    (config,) = [one for one in objects if "aiex.toml" in one.get("data", {})]
    assert manifests.MODEL in tomllib.loads(config["data"]["aiex.toml"])["models"]
    assert f"--model={manifests.MODEL}" in container["command"]


def test_values_of_the_acceptance_are_taken_and_give_restricted_pods(tmp_path: Path) -> None:
    objects = rendered(tmp_path, VALUES)
    assert not faults("1.36", *objects)
    assert not list(POD_SECURITY.findings(Objects(objects)))


def rendered(directory: Path, values: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    file = directory / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    return parsed(template("helm", Release(OPTIONS.release, SPACE), [file]))
