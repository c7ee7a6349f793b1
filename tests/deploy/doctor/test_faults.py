"""Each planted fault is named as itself and nothing else is; a release that runs well is sound."""

from pathlib import Path

import pytest

from aiex.kubernetes.diagnosis import RULES
from aiex.testing.kubernetes_api import KubernetesApiServer
from aiex.testing.kubernetes_release import NAMESPACE, Release
from tests.deploy.doctor.doctor_process import doctor_of
from tests.deploy.doctor.faults import FAULTS

# Named by tests of their own: they are seen by DNS, by ports, or in Secrets.
NOT_BY_OBJECTS = {
    "certificate_ends",
    "certificate_over",
    "certificate_refused",
    "dns_silent",
    "engine_unreached",
    "name_unknown",
    "port_refused",
    "port_silent",
}


def metrics_api(release: Release) -> KubernetesApiServer:
    api = KubernetesApiServer(release.objects)
    api.api_groups.add("metrics.k8s.io")
    return api


def test_a_release_that_runs_well_is_sound(tmp_path: Path) -> None:
    with metrics_api(Release()) as api:
        said = doctor_of(api, tmp_path)
    assert said.stdout.startswith("aiex in namespace aiex: nothing wrong.\n")
    assert "3 nodes, 3 servers of NATS, 5 Services" in " ".join(said.stdout.split())
    assert (said.status, said.stderr) == (0, "")
    assert not [one for one in api.asked if "secrets" in one or not one.startswith("GET ")]


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_and_nothing_else(name: str, tmp_path: Path) -> None:
    fault, release = FAULTS[name], Release()
    api = KubernetesApiServer()
    api.api_groups.add("metrics.k8s.io")
    fault.plant(release, api)
    for one in release.objects:
        api.put(one)
    with api:
        said = doctor_of(api, tmp_path, "-n", NAMESPACE, "-o", "json")
    assert [one["rule"] for one in said.findings] == [fault.rule], said.stdout
    (finding,) = said.findings
    assert fault.says in finding["text"]
    assert finding["advice"]
    assert finding["seen"]
    assert said.status == 1


def test_every_rule_has_a_fault_that_it_names() -> None:
    planted = {fault.rule for fault in FAULTS.values()}
    assert planted | NOT_BY_OBJECTS == {rule.name for rule in RULES}
    assert not planted & NOT_BY_OBJECTS
