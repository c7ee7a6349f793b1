"""Pods in a cluster: names, services, policies, probes, and what keeps their number."""

import re
import signal
import time

import pytest

from aiex.testing.pods import PodCluster, aiex_image
from tests.deploy.pods.conftest import MakeCluster
from tests.deploy.pods.manifests import (
    SERVE,
    STARTS_S,
    USER,
    ask,
    container,
    deployment,
    of,
    pod,
    service,
    told,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.needs_root]


def test_names_are_answered_and_connections_spread_over_ready_pods(cluster: PodCluster) -> None:
    ready = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    cluster.apply([deployment("web", SERVE, readinessProbe=ready), service("web")])
    cluster.until_settled(STARTS_S)
    client = cluster.client("outside", {})
    answers = {ask(cluster, client, "web") for _ in range(20)}
    assert answers == {one.name for one in of(cluster, "web")}
    code = """
    import json, socket
    names = ("web", "web.models", "web.models.svc.cluster.local")
    print(json.dumps([socket.gethostbyname(one) for one in names]))
    """
    assert told(cluster, pod("asks", code)) == cluster.addresses("web") * 3
    cluster.scale("Deployment", "web", 0)
    cluster.until(cluster.is_settled, STARTS_S, "nobody is left")
    with pytest.raises(ConnectionRefusedError):
        ask(cluster, client, "web")
    cluster.remove("Deployment", "web")


def test_probes_restart_what_is_ill_and_keep_it_from_requests(cluster: PodCluster) -> None:
    # Ready at once; ill when the file is there, which it keeps from one life to the next.
    code = SERVE.replace(
        "self.request.recv(1000)",
        "asked = self.request.recv(1000)\n"
        "        if b'/ill' in asked: open('/data/ill', 'w').close()\n"
        "        if b'/live' in asked and os.path.exists('/data/ill'): return",
    ).replace(
        "signal.signal",
        "import pathlib; pathlib.Path('/data/ill').unlink(missing_ok=True)\nsignal.signal",
        1,
    )
    live = {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 1, "failureThreshold": 2}
    thing = deployment(
        "frail",
        code,
        replicas=1,
        livenessProbe=live,
        startupProbe={**live, "failureThreshold": 30},
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
    )
    thing["spec"]["template"]["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    cluster.apply([thing, service("frail")])
    cluster.until_settled(STARTS_S)
    client = cluster.client("doctor", {})
    (address,) = cluster.addresses("frail")
    with client.connect_to(address, 80, 3.0) as opened:
        opened.sendall(b"GET /ill HTTP/1.0\r\n\r\n")
        opened.recv(100)
    (frail,) = of(cluster, "frail")
    cluster.until(lambda: frail.restarts == 1 and frail.is_ready, STARTS_S, "it was restarted")
    assert [one.status for one in frail.ends] == [0]
    cluster.remove("Deployment", "frail")


def test_who_does_not_end_in_its_grace_is_killed(cluster: PodCluster) -> None:
    # Process 1 without a handler does not even notice.
    cluster.apply([deployment("deaf", "import time; time.sleep(1000)", replicas=1)])
    cluster.until_settled(STARTS_S)
    (deaf,) = of(cluster, "deaf")
    cluster.remove("Deployment", "deaf")
    cluster.until(lambda: bool(deaf.ends), STARTS_S, "it ended")
    assert deaf.ends[0].status == 128 + signal.SIGKILL
    assert 2.0 <= deaf.ends[0].took_s < 4.0


def test_a_set_keeps_its_names_and_its_claims(cluster: PodCluster) -> None:
    code = """
    import os, signal, socket, sys, time
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with open("/data/lives", "a") as file: file.write(socket.gethostname() + "\\n")
    print(socket.getfqdn(), open("/data/lives").read().split(), flush=True)
    time.sleep(1000)
    """
    labels = {"app": "kept"}
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    cluster.apply(
        [
            service("kept", clusterIP="None", publishNotReadyAddresses=True),
            {
                "kind": "StatefulSet",
                "metadata": {"name": "kept"},
                "spec": {
                    "replicas": 2,
                    "serviceName": "kept",
                    "podManagementPolicy": "Parallel",
                    "selector": {"matchLabels": labels},
                    "volumeClaimTemplates": [claim],
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {
                            "securityContext": USER,
                            "containers": [
                                container(
                                    code, volumeMounts=[{"name": "data", "mountPath": "/data"}]
                                )
                            ],
                        },
                    },
                },
            },
        ]
    )
    cluster.until_settled(STARTS_S)
    before = cluster.pod("kept-0")
    assert cluster.addresses("kept-0.kept") == [before.address]
    cluster.delete_pod("kept-0")
    cluster.until_settled(STARTS_S)
    after = cluster.pod("kept-0")
    full = "kept-0.kept.models.svc.cluster.local"
    cluster.until(lambda: full in after.output.read_text(), STARTS_S, "it wrote its name")
    assert after.output.read_text().split("\n")[0] == f"{full} ['kept-0', 'kept-0']"
    assert cluster.addresses("kept-0.kept") == [after.address] != [before.address]
    cluster.remove("StatefulSet", "kept")


def test_a_rolling_update_never_has_fewer_than_wanted(cluster: PodCluster) -> None:
    ready = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    thing = deployment("rolls", SERVE, readinessProbe=ready)
    thing["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    cluster.apply([thing])
    cluster.until_settled(STARTS_S)
    before = {one.name for one in of(cluster, "rolls")}
    thing["spec"]["template"]["metadata"]["annotations"] = {"checksum": "another"}
    cluster.apply([thing])
    fewest = 2

    def is_rolled() -> bool:
        nonlocal fewest
        pods = of(cluster, "rolls")
        fewest = min(fewest, sum(one.is_ready and not one.is_ending for one in pods))
        return cluster.is_settled()

    cluster.until(is_rolled, STARTS_S, "all are new")
    assert fewest == 2
    assert not before & {one.name for one in of(cluster, "rolls")}
    cluster.remove("Deployment", "rolls")


def test_policies_let_in_whom_they_name_and_nobody_else(cluster: PodCluster) -> None:
    allowed = {"podSelector": {"matchLabels": {"may": "ask"}}}
    policy = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "web"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "guarded"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [allowed], "ports": [{"port": 8080}]}],
        },
    }
    friend = cluster.client("friend", {"may": "ask"})
    stranger = cluster.client("stranger", {})
    cluster.apply([deployment("guarded", SERVE, replicas=1), service("guarded"), policy])
    cluster.until_settled(STARTS_S)
    (guarded,) = of(cluster, "guarded")
    assert ask(cluster, friend, "guarded") == guarded.name
    with pytest.raises(TimeoutError):
        stranger.connect_to(guarded.address, 8080, 1.5)
    # Nothing may go out either: not even to the name server.
    code = "import socket; socket.setdefaulttimeout(1); socket.create_connection(('{}', 1))"
    argv = ["python", "-c", code.format(friend.address)]
    assert cluster.execute(guarded, argv) == 1
    cluster.remove("NetworkPolicy", "web")
    cluster.until(cluster.is_settled, STARTS_S, "the rules are gone")
    assert ask(cluster, stranger, "guarded") == guarded.name
    cluster.remove("Deployment", "guarded")


def test_a_connection_stays_with_its_pod_while_rules_change(cluster: PodCluster) -> None:
    echo = SERVE.replace(
        'self.request.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + os.environ["HOSTNAME"].encode())',
        "while (part := self.request.recv(10)): self.request.sendall(part)",
    )
    cluster.apply([deployment("long", echo, replicas=1), service("long")])
    cluster.until_settled(STARTS_S)
    client = cluster.client("patient", {})
    with client.connect_to(cluster.addresses("long")[0], 80, 3.0) as opened:
        opened.sendall(b"begin")
        for replicas in (2, 3, 1):
            cluster.scale("Deployment", "long", replicas)
            cluster.until_settled(STARTS_S)
            if replicas > 1:
                opened.sendall(b"on")
                assert opened.recv(10) == b"on"
    cluster.remove("Deployment", "long")


def test_a_job_tries_again_until_it_succeeds(cluster: PodCluster) -> None:
    code = """
    import os, sys
    first = not os.path.exists("/data/seen")
    open("/data/seen", "w").close()
    sys.exit(3 if first else 0)
    """
    template = pod("job", code, volumeMounts=[{"name": "data", "mountPath": "/data"}])
    template["spec"]["securityContext"] = USER
    template["spec"]["volumes"] = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "of-the-job"}}
    ]
    cluster.apply([{"kind": "Job", "metadata": {"name": "job"}, "spec": {"template": template}}])
    cluster.until(
        lambda: [one.phase for one in of(cluster, "job")] == ["Failed", "Succeeded"],
        STARTS_S,
        "the second try succeeded",
    )
    cluster.remove("Job", "job")


def test_nothing_of_a_cluster_is_left_when_it_ends(make_cluster: MakeCluster) -> None:
    own = make_cluster(lambda _: aiex_image())
    own.apply([deployment("left", SERVE, replicas=1)])
    own.until_settled(STARTS_S)
    pids = [pid for one in own.pods() for pid in one.pids()]
    assert pids
    began_s = time.monotonic()
    own.__exit__()
    assert time.monotonic() - began_s < 5.0
    assert not [pid for pid in pids if re.search("python", _command(pid))]


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""
