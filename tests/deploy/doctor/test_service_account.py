"""In a pod with a service account: objects from the API, and pods asked at their own addresses."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from aiex.kubernetes import IN_CLUSTER, Access, access
from aiex.kubernetes.examination import Choice, Examined, examined
from aiex.kubernetes.look import Names, Viewpoint
from aiex.testing.certificates import Authority
from aiex.testing.dns_server import DnsServer
from aiex.testing.kubernetes_api import KubernetesApiServer
from aiex.testing.kubernetes_release import Release
from tests.deploy.doctor.inside import NAMESPACE, TOKEN, Inside

pytestmark = pytest.mark.integration


class Pod:
    """A pod's service account, and a release whose pods have the address of `inside`."""

    def __init__(self, directory: Path, authority: Authority, inside: Inside) -> None:
        self._directory = directory
        self.inside = inside
        self.release = Release()
        for one in self.release.objects:
            if one["metadata"].get("namespace") == "aiex":
                one["metadata"]["namespace"] = NAMESPACE
        for pod in (*self.release.pods("node"), *self.release.pods("nats")):
            pod["status"]["podIP"] = inside.host
        for one in self.release.objects:
            for end in (one.get("endpoints") or []) if one["kind"] == "EndpointSlice" else []:
                end["addresses"] = [inside.host]
        files = {"token": "right", "namespace": NAMESPACE, "ca.crt": authority.ca_file.read_text()}
        for name, content in files.items():
            (directory / name).write_text(content)

    def access(self) -> Access:
        found = access("", "", {}, service_account=self._directory)
        assert found.source == IN_CLUSTER
        return found

    async def look(self, view: Viewpoint) -> Examined:
        names = Names(self.inside.dns_server)
        return await examined(Choice(), self.access, names, view, now_s=time.time())


@pytest.fixture
async def pod(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Pod, KubernetesApiServer]]:
    api = KubernetesApiServer(
        token="right", tls=authority.issue(f"api-{tmp_path.name}").server_context()
    )
    api.api_groups.add("metrics.k8s.io")
    async with DnsServer() as dns:
        with api:
            monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            monkeypatch.setenv("KUBERNETES_SERVICE_PORT", api.url.rpartition(":")[2])
            yield Pod(tmp_path, authority, Inside(dns)), api


def kept(pod: Pod, api: KubernetesApiServer) -> None:
    for one in pod.release.objects:
        api.put(one)


async def test_objects_and_answers_together_are_sound(
    pod: tuple[Pod, KubernetesApiServer],
) -> None:
    here, api = pod
    kept(here, api)
    async with here.inside.running():
        found = await here.look(Viewpoint())
    assert found.findings == ()
    assert {"3 nodes", "4 names in DNS", "3 nodes that answered"} <= set(found.looked_at)
    assert not [one for one in api.asked if "proxy" in one]


async def test_a_node_that_is_not_ready_says_why_itself(
    pod: tuple[Pod, KubernetesApiServer],
) -> None:
    here, api = pod
    here.release.unready(here.release.pods("node")[0])
    kept(here, api)
    checks = [{"name": "hot_values", "status": "failed", "reason": "they are not here yet"}]
    here.inside.admin["/readyz?verbose"] = (503, msgspec.json.encode({"checks": checks}))
    async with here.inside.running():
        found = await here.look(Viewpoint(admin_token=TOKEN))
    assert [one.rule for one in found.findings] == ["node_not_ready"]
    assert "hot_values: they are not here yet." in found.findings[0].text


async def test_an_account_without_rights_leaves_it_to_dns(
    pod: tuple[Pod, KubernetesApiServer],
) -> None:
    here, api = pod
    kept(here, api)
    api.deny("*", "*")
    async with here.inside.running():
        found = await here.look(Viewpoint())
    assert found.findings == ()
    assert "4 names in DNS" in found.looked_at
    assert "forbidden; give `list pods`" in [one.why for one in found.gaps]


async def test_an_api_that_is_not_reached_from_a_pod_leaves_it_to_dns(
    pod: tuple[Pod, KubernetesApiServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = pod
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")  # of nobody
    async with here.inside.running():
        found = await here.look(Viewpoint())
    assert found.findings == ()
    assert "objects of Kubernetes" in [one.what for one in found.gaps]
