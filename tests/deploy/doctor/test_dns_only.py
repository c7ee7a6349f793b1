"""In a pod without rights: what DNS, ports, NATS and nodes say, against real listeners."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from aiex.kubernetes.diagnosis import diagnosed
from aiex.kubernetes.examination import Examined, full_name
from aiex.kubernetes.facts import DoorSeen, Facts
from aiex.kubernetes.look import Names, Viewpoint
from aiex.testing.certificates import Authority
from aiex.testing.dns_server import DnsServer
from tests.deploy.doctor.doctor_process import doctor
from tests.deploy.doctor.inside import NAMESPACE, TOKEN, Inside, name_of

pytestmark = pytest.mark.integration


@pytest.fixture
async def inside() -> AsyncIterator[Inside]:
    async with DnsServer() as dns:
        yield Inside(dns)


def rules(found: Examined) -> list[str]:
    return [one.rule for one in found.findings]


async def test_a_release_that_runs_well_is_sound(inside: Inside) -> None:
    async with inside.running():
        found = await inside.look()
    assert rules(found) == []
    assert {"4 names in DNS", "1 node that answered"} <= set(found.looked_at)


async def test_an_admin_port_that_is_closed_to_us_is_a_gap(inside: Inside) -> None:
    async with inside.running(has_admin=False):
        found = await inside.look()
    assert rules(found) == []
    assert [one.why for one in found.gaps] == ["nobody listens at port 8081"]


async def test_the_process_says_it_without_any_kubernetes(inside: Inside, tmp_path: Path) -> None:
    arguments = ("--dns-only", "--dns-server", inside.dns_server)
    async with inside.running():
        right = await asyncio.to_thread(doctor, tmp_path, *arguments, "-n", NAMESPACE)
        wrong = await asyncio.to_thread(doctor, tmp_path, *arguments, "-n", "elsewhere")
    assert (right.status, "nothing wrong" in right.stdout) == (0, True), right.stdout
    assert (wrong.status, "1. name unknown (serious)" in wrong.stdout) == (1, True), wrong.stdout


async def test_a_name_without_addresses_is_told(inside: Inside) -> None:
    inside.dns.put(name_of("aiex-nats-headless"), "A")
    async with inside.running():
        found = await inside.look()
    assert rules(found) == ["name_unknown"]
    assert f"no address of {name_of('aiex-nats-headless')}" in found.findings[0].text


async def test_dns_that_fails_is_told(inside: Inside) -> None:
    inside.dns.is_failing = True
    found = await inside.look()
    assert rules(found) == ["dns_silent"]
    assert len(found.findings[0].seen) > 1


async def test_a_port_where_nobody_listens_is_told(inside: Inside) -> None:
    async with inside.running(has_nats=False):
        found = await inside.look()
    assert rules(found) == ["port_refused"]
    assert f"Nobody listens at port 4222 of {inside.host}" in found.findings[0].text


async def test_what_a_node_says_of_itself_is_told_when_the_token_is_at_hand(
    inside: Inside,
) -> None:
    status = {
        "node": {"version": "0.1.0"},
        "engine": {"state": "no quorum", "reason": "2 of 3 are away"},
    }
    inside.admin["/admin/v1/status"] = (200, msgspec.json.encode(status))
    async with inside.running():
        told = await inside.look(Viewpoint(is_node=True, admin_token=TOKEN))
        silent = await inside.look(Viewpoint(is_node=True))
        wrong = await inside.look(Viewpoint(is_node=True, admin_token="another"))
    assert rules(told) == ["engine_unreached"]
    assert "no quorum: 2 of 3 are away" in told.findings[0].text
    assert rules(silent) == rules(wrong) == []


async def test_a_node_that_takes_no_requests_is_told_with_its_own_reason(inside: Inside) -> None:
    checks = [{"name": "load", "status": "failed", "reason": "the loop is 2 s late"}]
    inside.api["/readyz"] = (503, b"not ready\n")
    inside.admin["/readyz?verbose"] = (503, msgspec.json.encode({"checks": checks}))
    async with inside.running():
        told = await inside.look(Viewpoint(is_node=True, admin_token=TOKEN))
        bare = await inside.look()
    assert rules(told) == rules(bare) == ["node_not_ready"]
    assert "takes no requests: load: the loop is 2 s late." in told.findings[0].text
    assert "it does not say why" in bare.findings[0].text


async def test_the_admin_token_goes_to_admin_listeners_alone(inside: Inside) -> None:
    inside.monitor["/jsz"] = (200, b"{}")
    async with inside.running():
        await inside.look(Viewpoint(is_node=True, admin_token=TOKEN))
    assert {port for port, heads in inside.heads.items() if any(TOKEN in one for one in heads)} == {
        8081
    }
    assert all(inside.heads.values())


async def test_nats_without_a_leader_is_told_by_its_monitor(inside: Inside) -> None:
    replicas = [{"name": "aiex-nats-1", "offline": True}, {"name": "aiex-nats-2"}]
    for leader, named in (("", ["no_quorum"]), ("aiex-nats-0", ["server_away"])):
        meta = {"leader": leader, "cluster_size": 3, "replicas": replicas}
        inside.monitor["/jsz"] = (200, msgspec.json.encode({"meta_cluster": meta}))
        async with inside.running():
            found = await inside.look()
        assert rules(found) == named


async def test_a_certificate_for_other_names_is_told(inside: Inside, authority: Authority) -> None:
    view = Viewpoint(is_node=True, nats_ca_file=str(authority.ca_file))
    own = authority.issue("of-nats", names="DNS:aiex-nats").server_context()
    other = authority.issue("of-other", names="DNS:nats.example").server_context()
    async with inside.running(tls=own):
        believed = await inside.look(view)
    async with inside.running(tls=other):
        refused = await inside.look(view)
    assert rules(believed) == ["certificate_ends"]  # tests' certificates last two days
    assert rules(refused) == ["certificate_refused", "certificate_ends"]


async def test_a_certificate_of_a_stranger_is_told(
    inside: Inside, authority: Authority, tmp_path: Path, need: Callable[[str, str], str]
) -> None:
    stranger = Authority(tmp_path, need("openssl", "openssl"))
    view = Viewpoint(is_node=True, nats_ca_file=str(authority.ca_file))
    context = stranger.issue("nats", names="DNS:aiex-nats").server_context()
    async with inside.running(tls=context):
        found = await inside.look(view)
    assert "certificate_refused" in rules(found)
    assert "is not believed: " in found.findings[0].text


@pytest.mark.parametrize(("is_needed", "named"), [(True, ["port_silent"]), (False, [])])
def test_a_silent_port_is_told_where_whoever_looks_has_to_get_through(
    is_needed: bool, named: list[str]
) -> None:
    door = DoorSeen("10.0.0.1", 4222, "nats", "NATS for nodes", "silent", is_needed)
    facts = Facts(namespace="n", release="aiex", full_name="aiex", now_s=0.0, doors=(door,))
    assert [one.rule for one in diagnosed(facts)] == named


async def test_in_a_pod_without_a_service_account_dns_is_asked(inside: Inside) -> None:
    class InPod(Names):
        own_namespace = NAMESPACE

    async with inside.running():
        found = await inside.look(names=InPod(inside.dns_server))
    assert rules(found) == []
    assert (found.namespace, found.release) == (NAMESPACE, "aiex")
    assert "no service account is mounted" in [one.why for one in found.gaps]


def test_the_chart_names_objects_by_the_release() -> None:
    assert full_name("aiex") == "aiex"
    assert full_name("my-aiex") == "my-aiex"
    assert full_name("blue") == "blue-aiex"
