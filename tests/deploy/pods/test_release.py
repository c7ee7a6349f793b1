"""A release of the chart, really run: it forms, answers, rolls, and lives through what pods die of.

Each test begins and ends with a whole cluster. A traffic block fails when any request of a small
steady load is not answered that its test does not excuse.
"""

import json
import ssl
import time
from collections.abc import Iterator

import pytest

from aiex.testing.api_traffic import Answer
from tests.deploy.chart.rendering import NAME
from tests.deploy.pods.release import (
    ANSWER_S,
    TRAFFIC_COUNT,
    Release,
    memory_mib,
    writable_mounts,
    zombies,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.needs_root]

FORM_MAX_S = 60.0
MEMORY_MAX_MIB = 200.0
# From a node's death to rules that leave it out, with room for a busy machine.
NOTICED_S = 3.0
# Whoever was asked as the node died, and the next request on a connection that died with it.
BROKEN_S = 0.5
GOES_ON_S = 3.0
# NATS says PONG, or what is wrong in quotes.
ENDS_OF_ANSWERS = (b"PONG\r\n", b"'\r\n")


@pytest.fixture(scope="module")
def installed(own_engine: Release) -> Release:
    return own_engine


@pytest.fixture
def release(installed: Release) -> Iterator[Release]:
    if installed.is_spoiled:
        pytest.fail("a test before this one left the release in pieces")
    installed.is_spoiled = True
    yield installed
    installed.until_whole()
    installed.is_spoiled = False


def test_it_forms_one_whole_cluster_of_three(release: Release) -> None:
    print(f"formed in {release.formed_s:.1f} s")
    assert len(release.nodes()) == len(release.engines()) == 3
    assert release.formed_s < FORM_MAX_S


def test_the_api_answers_through_its_service_with_the_key_only(release: Release) -> None:
    assert release.chat() == (200, "hello")
    assert release.chat(key="sk-another") == (401, "")
    assert release.chat(key="") == (401, "")


def test_the_admin_port_wants_its_token_and_lets_in_no_stranger(release: Release) -> None:
    (node, *_) = release.nodes()
    assert release.admin_answer(node, "/admin/v1/status")[0] == 200
    assert release.admin_answer(node, "/admin/v1/status", token="another")[0] == 401
    assert release.admin_answer(node, "/metrics", token="")[0] == 401
    assert release.admin_answer(node, "/livez", token="")[0] == 200
    status, body = release.ask(
        "/admin/v1/status",
        key=release.admin_token,
        service=f"{NAME}-admin",
        port=8081,
        place=release.friend,
    )
    assert status == 200
    assert json.loads(body)["checks"]
    with pytest.raises(TimeoutError):
        release.client.connect_to(node.address, 8081, 1.5)


def test_each_node_has_its_own_name_below_the_headless_service(release: Release) -> None:
    addresses = release.cluster.addresses(f"{NAME}-headless")
    assert sorted(addresses) == sorted(pod.address for pod in release.nodes())


def test_nothing_but_volumes_can_be_written_to(release: Release) -> None:
    allowed = {
        *("/var/lib/aiex", "/tmp", "/data", "/run/nats", "/dev", "/dev/shm", "/proc"),
        # The kubelet's own files and devices, writable by root alone.
        *("/etc/hosts", "/etc/hostname", "/etc/resolv.conf"),
        *(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")),
    }
    for pod in (*release.nodes(), *release.engines()):
        assert set(writable_mounts(pod)) <= allowed, pod.name
    (node, *_) = release.nodes()
    write = ["python", "-c", "open('/etc/aiex/written', 'w')"]
    assert release.cluster.execute(node, write) == 1
    assert release.cluster.execute(node, ["python", "-c", "open('/tmp/written', 'w')"]) == 0


def test_a_node_is_small(release: Release) -> None:
    sizes = {pod.name: memory_mib(pod) for pod in (*release.nodes(), *release.engines())}
    print(", ".join(f"{name} {size:.0f} MiB" for name, size in sizes.items()))
    assert all(size < MEMORY_MAX_MIB for size in sizes.values())


def test_a_changed_setting_rolls_without_a_failed_request(release: Release) -> None:
    before = release.nodes()
    with release.traffic():
        # One of each kind of value that a settings file has.
        release.upgrade(
            settings={
                "log": {"level": "debug"},
                "api": {"in_flight_max": 1000},
                "models": {"other": {"targets": [{"provider": "mock", "weight": 2}]}},
            }
        )
        took_s = release.until_whole(180)
    assert not {pod.name for pod in before} & {pod.name for pod in release.nodes()}
    assert [(end.status, end.was_told) for pod in before for end in pod.ends[-1:]] == 3 * [
        (0, True)
    ]
    _, listed = release.ask("/v1/models")
    assert {one["id"] for one in json.loads(listed)["data"]} == {"mock", "other"}
    print(f"rolled in {took_s:.1f} s")


def test_a_deleted_pod_fails_no_request_and_ends_in_order(release: Release) -> None:
    (node, *_) = release.nodes()
    assert not [pod.name for pod in release.cluster.pods() if zombies(pod)]
    with release.traffic():
        release.cluster.delete_pod(node.name)
        release.until_whole()
    (end,) = node.ends
    grace_s = node.spec["terminationGracePeriodSeconds"]
    assert (end.status, end.was_told) == (0, True)
    assert end.took_s < grace_s
    print(f"ended in {end.took_s:.1f} s of {grace_s} s")


def test_scaling_out_and_in_fails_no_request(release: Release) -> None:
    with release.traffic():
        release.upgrade(replicas=5)
        out_s = release.until_whole(90)
        assert len(release.nodes()) == 5
        release.upgrade(replicas=3)
        in_s = release.until_whole(90)
    assert len(release.nodes()) == 3
    print(f"three to five in {out_s:.1f} s, back in {in_s:.1f} s")


def test_a_killed_node_fails_only_what_it_was_answering(release: Release) -> None:
    (node, *_) = release.nodes()
    killed_at_s = float("inf")

    def excused(answer: Answer) -> bool:
        late_s = answer.began_s - killed_at_s
        if answer.outcome == "refused":  # nothing was sent: any client asks again
            return 0 <= late_s < NOTICED_S
        return answer.ended_s >= killed_at_s and late_s < BROKEN_S

    with release.traffic(excused) as traffic:
        time.sleep(1.0)
        killed_at_s = release.kill(node)
        release.cluster.until(lambda: node.restarts > 0, 30, "the node is started again")
        release.until_whole()
    broken = [one for one in traffic.answers() if one.outcome == "failed"]
    refused = [one for one in traffic.answers() if one.outcome == "refused"]
    assert len(broken) <= TRAFFIC_COUNT
    print(f"{len(broken)} in flight broke off, {len(refused)} connections were refused")


def test_an_eviction_waits_for_the_budget(release: Release) -> None:
    first, second, _ = release.nodes()
    with release.traffic():
        assert release.cluster.evict(first.name) == ""
        assert release.cluster.evict(second.name).startswith(f"{NAME} needs 2 healthy pods")
        release.until_whole()


def test_a_killed_engine_changes_nothing_for_clients(release: Release) -> None:
    (engine, *_) = release.engines()
    with release.traffic():
        release.kill(engine)
        release.cluster.until(lambda: engine.restarts > 0, 30, "NATS is started again")
        took_s = release.until_whole()
    print(f"whole again in {took_s:.1f} s")


def test_without_any_engine_nodes_stay_ready_and_answer(release: Release) -> None:
    made = release.admin(release.nodes()[0], "/admin/v1/keys", {"name": "kept"})
    engines = release.engines()
    restarts = [node.restarts for node in release.nodes()]
    with release.traffic():
        release.cluster.scale("StatefulSet", release.engine_name, 0)
        release.cluster.until(lambda: not release.engines(), 90, "NATS is gone")
        time.sleep(GOES_ON_S)
        assert all(node.is_ready for node in release.nodes()), release.cluster.story()
        assert release.chat(key=made["key"]) == (200, "hello")
        release.cluster.scale("StatefulSet", release.engine_name, 3)
        took_s = release.until_whole()
    last = [pod.ends[-1] for pod in engines]
    assert [end.status for end in last] == [0, 0, 0]
    assert all(
        end.took_s < pod.spec["terminationGracePeriodSeconds"]
        for end, pod in zip(last, engines, strict=True)
    )
    print(f"NATS ended in {max(end.took_s for end in last):.1f} s")
    keys = release.admin(release.nodes()[0], "/admin/v1/keys")["keys"]
    assert made["id"] in {one["id"] for one in keys}
    assert release.chat(key=made["key"]) == (200, "hello")
    assert [node.restarts for node in release.nodes()] == restarts
    print(f"whole again in {took_s:.1f} s")


def test_only_who_trusts_its_authority_and_knows_its_login_talks_to_the_engine(
    release: Release,
) -> None:
    name, port = f"{NAME}-nats", 4222
    (address,) = release.cluster.addresses(name)
    with pytest.raises(TimeoutError):
        release.client.connect_to(address, port, 1.5)

    def greeted(context: ssl.SSLContext | None, login: str) -> str:
        """What the server says to a login, after its greeting."""
        with release.like_a_node.connect_to(address, port, ANSWER_S) as plain:
            info = json.loads(plain.recv(10_000).partition(b" ")[2])
            assert info["tls_required"]
            opened = context.wrap_socket(plain, server_hostname=name) if context else plain
            with opened:
                opened.sendall(f"CONNECT {login}\r\nPING\r\n".encode())
                said = b""
                while not said.endswith(ENDS_OF_ANSWERS) and (part := opened.recv(1000)):
                    said += part
                return said.decode()

    trusting = ssl.create_default_context(cadata=release.secrets["nats-tls/ca.crt"])
    user, password = (release.secrets[f"secrets/engine-{one}"] for one in ("user", "password"))
    right = json.dumps({"user": user, "pass": password})
    assert "PONG" in greeted(trusting, right)
    assert "Authorization Violation" in greeted(trusting, json.dumps({"user": user}))
    with pytest.raises(ssl.SSLCertVerificationError):
        greeted(ssl.create_default_context(), right)
    assert "PONG" not in greeted(None, right)


def test_the_job_of_an_upgrade_changes_no_secret(release: Release) -> None:
    before = dict(release.secrets)
    release.run_hooks("pre-upgrade")
    release.take_secrets()
    assert release.secrets == before


def test_the_tests_of_the_release_pass(release: Release) -> None:
    names = {pod.name for pod in release.run_hooks("test")}
    assert names == {f"{NAME}-test-chat", f"{NAME}-test-status"}
