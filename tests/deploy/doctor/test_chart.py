"""What the chart installs is sound once it runs, whatever the values; its faults are named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.kubernetes_api import KubernetesApiServer, is_known, kubeconfig
from aiex.testing.kubernetes_release import Release
from tests.deploy.chart.rendering import NAME, NAMESPACE, Chart

VALUES: dict[str, dict[str, Any]] = {
    "its own": {},
    "autoscaling": {"autoscaling": {"enabled": True}},
    "an external engine": {
        "nats": {"enabled": False},
        "engine": {"external": {"url": "tls://nats.example:4222"}},
    },
    "NATS without TLS": {"nats": {"tls": {"enabled": False}}},
    "a mesh": {"mesh": {"istio": {"enabled": True}, "preStopSleepSeconds": 5}},
    "no policies": {"networkPolicy": {"enabled": False}},
    "TLS at the listeners": {
        "api": {"tls": {"existingSecret": "a"}},
        "admin": {"tls": {"existingSecret": "b"}},
    },
}


def told(release: Release, home: Path) -> tuple[int, list[dict[str, Any]]]:
    api = KubernetesApiServer(release.objects)
    api.api_groups.add("metrics.k8s.io")
    with api:
        file = str(kubeconfig(home, api.url, {}))
        said = run_aiex(home, "k8s", "doctor", "--kubeconfig", file, "-n", NAMESPACE, "-o", "json")
    return said.exit_code, msgspec.json.decode(said.stdout)["findings"]


def installed(chart: Chart, values: dict[str, Any]) -> Release:
    objects = [one for one in chart(**values).objects.values() if is_known(one)]
    return Release(NAME, objects)


@pytest.mark.parametrize("name", VALUES)
def test_what_the_chart_installs_is_sound(name: str, chart: Chart, tmp_path: Path) -> None:
    assert told(installed(chart, VALUES[name]), tmp_path) == (0, [])


def changed_settings(release: Release) -> None:
    release.one("ConfigMap", NAME)["data"]["aiex.toml"] += "\n"
    release.one("ConfigMap", NAME)["data"]["aiex.toml"] += '[log]\nlevel = "debug"\n'


def changed_server_settings(release: Release) -> None:
    release.one("ConfigMap", f"{NAME}-nats")["data"]["nats.conf"] += "debug: true\n"


def servers_cut_off(release: Release) -> None:
    rules = release.one("NetworkPolicy", f"{NAME}-nats")["spec"]["ingress"]
    rules[:] = [one for one in rules if one["ports"][0]["port"] != "route"]


def nodes_cut_off(release: Release) -> None:
    rules = release.one("NetworkPolicy", NAME)["spec"]["egress"]
    rules[:] = [one for one in rules if not any(p["port"] == 4222 for p in one["ports"])]


def short_grace(release: Release) -> None:
    template = release.one("Deployment", NAME)["spec"]["template"]
    template["spec"]["terminationGracePeriodSeconds"] = 60


@pytest.mark.parametrize(
    ("plant", "rule"),
    [
        (changed_settings, "settings_old"),
        (changed_server_settings, "settings_old"),
        (servers_cut_off, "policy_blocks"),
        (nodes_cut_off, "policy_blocks"),
        (short_grace, "grace_short"),
    ],
)
def test_a_fault_in_what_the_chart_installs_is_named(
    plant: Callable[[Release], None], rule: str, chart: Chart, tmp_path: Path
) -> None:
    release = installed(chart, {})
    plant(release)
    status, findings = told(release, tmp_path)
    assert (status, [one["rule"] for one in findings]) == (1, [rule])
