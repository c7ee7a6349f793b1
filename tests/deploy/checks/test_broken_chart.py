"""The chart with one thing broken in it, and the step that finds it."""

import shutil
from pathlib import Path

import pytest

from scripts.chart.check import Chart, Outcome
from scripts.chart.tools import CHART

DEPLOYMENT = "templates/node-deployment.yaml"
SERVICES = "templates/node-services.yaml"

# Step, file, text, what takes its place, and a part of what the step must say.
BROKEN = [
    ("lint", "values.yaml", "replicas: 3", "replicas: three", "helm3 lint"),
    ("render", DEPLOYMENT, "minReadySeconds:", "strategy: {}\n  minReadySeconds:", "twice"),
    ("render", DEPLOYMENT, "{{ .Values.minReadySeconds }}", 'x{{ printf "%d" "x" }}', "%!"),
    ("same again", DEPLOYMENT, "{{ .Values.minReadySeconds }}", "{{ randInt 1 9999999 }}", "text"),
    (
        "same again",
        DEPLOYMENT,
        "{{ .Values.minReadySeconds }}",
        "{{ ternary 1 2 .Release.IsInstall }}",
        "rendered again, as an upgrade",
    ),
    ("Kubernetes 1.34", DEPLOYMENT, "minReadySeconds:", "minReadySecs:", "minReadySecs"),
    ("Kubernetes 1.37", DEPLOYMENT, "minReadySeconds:", "minReadySecs:", "minReadySecs"),
    ("release", DEPLOYMENT, "kind: Deployment", "kind: DaemonSet", "a kind that the chart may not"),
    ("pod-security", "values.yaml", "type: RuntimeDefault", "type: Unconfined", "seccomp"),
    (
        "kube-score",
        SERVICES,
        '"aiex.selectorLabels" (dict "root" . "component" "node")',
        '"aiex.selectorLabels" (dict "root" . "component" "ghost")',
        "service-targets-pod",
    ),
    ("kube-linter", "templates/_node.tpl", "port: admin", "port: 9999", "not declared"),
    ("polaris", DEPLOYMENT, "automountServiceAccountToken: false", "hostIPC: true", "hostIPCSet"),
    ("notes", "templates/NOTES.txt", "", "{{ .Values.drain }}", "map["),
    ("package", ".helmignore", "ci/", "", "ci/"),
    ("images", DEPLOYMENT, '{{ include "aiex.image" . }}', "aiex:0.1.0", "where aiex:0.1.0 is"),
    (
        "templates",
        DEPLOYMENT,
        "{{ .Values.minReadySeconds }}",
        "3",
        "minReadySeconds is used in no",
    ),
    ("templates", DEPLOYMENT, "{{ .Values.minReadySeconds }}", "{{ now }}", "now gives"),
    ("typos", "values.schema.json", '"replicas": {', '"replicasx": {}, "replicas": {', "replicasx"),
    (
        "typos, helm",
        "values.schema.json",
        '"additionalProperties": false,\n  "properties"',
        '"additionalProperties": true,\n  "properties"',
        "replicasx (helm3)",
    ),
    ("README", "values.yaml", "# -- How many nodes", "# -- So many nodes", "README.md is not"),
    ("README", "values.yaml", "# -- How many nodes", "# How many nodes", "has no comment"),
]


# Half a minute together, in which helm is started some hundred times.
pytestmark = pytest.mark.slow


@pytest.fixture
def copy(tmp_path: Path, kubernetes_tools: Path) -> Path:
    """The chart with one set of values besides its defaults, which is enough to see a fault."""
    target = tmp_path / "aiex"
    shutil.copytree(CHART, target)
    for one in (target / "ci").glob("*.yaml"):
        if one.name != "network.open.yaml":
            one.unlink()
    return target


def outcome(chart: Path, name: str) -> Outcome:
    steps = {one.name: one for one in Chart(chart).steps()}
    if name != "render":
        steps["render"].check()
    return steps[name].check()


@pytest.mark.parametrize(("step", "file", "text", "instead", "said"), BROKEN)
def test_a_broken_chart_is_found_by_its_step(
    copy: Path, step: str, file: str, text: str, instead: str, said: str
) -> None:
    broken = copy / file
    before = broken.read_text()
    assert text in before, f"{file} has changed; break something else"
    broken.write_text(before.replace(text, instead, 1) if text else before + instead)
    faults = outcome(copy, step).faults
    assert any(said in one for one in faults), faults
