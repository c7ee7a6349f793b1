"""The runner itself: a pod gets what its words say, and nothing else."""

import json
import re
import signal
import textwrap
import time
from typing import Any

import pytest

from aiex.testing.pods import Pod, PodCluster, aiex_image

from .conftest import MakeCluster

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.needs_root]

STARTS_S = 30.0
RESTRICTED = {
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
USER = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10002}
# Answers any connection with its pod's name; ends in order when it is told to.
SERVE = """
import os, signal, socketserver, sys
class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(1000)
        self.request.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + os.environ["HOSTNAME"].encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("0.0.0.0", 8080), Answer).serve_forever()
"""


@pytest.fixture(scope="module")
def cluster(make_cluster: MakeCluster) -> PodCluster:
    made = make_cluster(lambda _: aiex_image())
    made.apply(
        [
            {"kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"a": "1", "b": "2"}},
            {"kind": "ConfigMap", "metadata": {"name": "texts"}, "data": {"text": "hello"}},
        ]
    )
    return made


def container(code: str, **more: Any) -> dict[str, Any]:
    command = ["python", "-u", "-c", textwrap.dedent(code)]
    return {"name": "main", "image": "python", "command": command, **more}


def pod(name: str, code: str, spec: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "containers": [container(code, **more)], **(spec or {})},
    }


def deployment(name: str, code: str, replicas: int = 2, **more: Any) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [container(code, **more)],
                    "terminationGracePeriodSeconds": 2,
                },
            },
        },
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {"kind": "Service", "metadata": {"name": name}, "spec": spec}


def told(cluster: PodCluster, thing: dict[str, Any]) -> Any:
    """What a pod wrote as JSON before it ended."""
    name = thing["metadata"]["name"]
    cluster.apply([thing])
    cluster.until(
        lambda: (
            any(one.name == name for one in cluster.pods())
            and cluster.pod(name).phase in ("Succeeded", "Failed")
        ),
        STARTS_S,
        f"{name} is done",
    )
    done = cluster.pod(name)
    text = done.output.read_text()
    assert done.phase == "Succeeded", text
    cluster.remove("Pod", name)
    return json.loads(text.splitlines()[-1])


def ask(cluster: PodCluster, client: Any, name: str) -> str:
    (address,) = cluster.addresses(name)
    with client.connect_to(address, 80, 3.0) as opened:
        opened.sendall(b"GET / HTTP/1.0\r\n\r\n")
        parts = []
        while part := opened.recv(1000):
            parts.append(part)
        return b"".join(parts).partition(b"\r\n\r\n")[2].decode()


def of(cluster: PodCluster, app: str) -> list[Pod]:
    return [one for one in cluster.pods() if one.labels.get("app") == app]


def test_a_container_is_the_user_it_should_be_and_may_nothing_more(cluster: PodCluster) -> None:
    code = """
    import json, os, re
    status = open("/proc/self/status").read()
    found = dict(re.findall(r"^(\\w+):\\s*(.*)$", status, re.M))
    def may_write(path):
        try:
            open(path + "/probe", "w").close()
        except OSError:
            return False
        return True
    print(json.dumps({
        "ids": [os.getuid(), os.getgid(), os.getgroups(), os.getpid()],
        "privileges": [found["CapEff"], found["CapBnd"], found["NoNewPrivs"]],
        "writes": [one for one in ("/", "/etc", "/tmp", "/usr", "/data") if may_write(one)],
        "shell": os.path.exists("/bin/sh"),
        "name": os.uname().nodename,
        "processes": [one for one in os.listdir("/proc") if one.isdigit()],
    }))
    """
    volumes = {"volumes": [{"name": "data", "emptyDir": {}}], "securityContext": USER}
    mounts = [{"name": "data", "mountPath": "/data"}]
    seen = told(cluster, pod("who", code, volumes, securityContext=RESTRICTED, volumeMounts=mounts))
    assert seen == {
        "ids": [10001, 10001, [10002], 1],
        "privileges": ["0" * 16, "0" * 16, "1"],
        "writes": ["/data"],
        "shell": False,
        "name": "who",
        "processes": ["1"],
    }


def test_without_restrictions_a_container_has_the_usual_rights_of_root(cluster: PodCluster) -> None:
    code = """
    import json, os, re
    found = re.search(r"CapEff:\\s*(\\w+)", open("/proc/self/status").read())[1]
    open("/probe", "w").close()
    print(json.dumps([os.getuid(), found]))
    """
    spec = {"securityContext": {"runAsUser": 0}}
    assert told(cluster, pod("free", code, spec)) == [0, "00000000a80425fb"]


def test_volumes_have_the_owners_and_modes_of_the_kubelet(cluster: PodCluster) -> None:
    code = """
    import json, os, stat
    def look(path):
        found = os.stat(path)
        return [oct(stat.S_IMODE(found.st_mode)), found.st_uid, found.st_gid]
    free = os.statvfs("/empty")
    print(json.dumps({
        "key": [open("/keys/own").read(), *look("/keys/own")],
        "names": sorted(one for one in os.listdir("/keys") if not one.startswith("..")),
        "text": [open("/all/deep/text").read(), open("/all/b").read(), open("/all/labels").read()],
        "file": open("/one").read(),
        "empty": [free.f_blocks * free.f_frsize, *look("/empty")],
    }))
    """
    spec = {
        "securityContext": USER,
        "volumes": [
            {
                "name": "keys",
                "secret": {
                    "secretName": "keys",
                    "defaultMode": 0o400,
                    "items": [{"key": "a", "path": "own"}],
                },
            },
            {
                "name": "all",
                "projected": {
                    "sources": [
                        {
                            "configMap": {
                                "name": "texts",
                                "items": [{"key": "text", "path": "deep/text"}],
                            }
                        },
                        {"secret": {"name": "keys"}},
                        {
                            "downwardAPI": {
                                "items": [
                                    {"path": "labels", "fieldRef": {"fieldPath": "metadata.name"}}
                                ]
                            }
                        },
                    ]
                },
            },
            {"name": "text", "configMap": {"name": "texts"}},
            {"name": "empty", "emptyDir": {"sizeLimit": "8Mi"}},
        ],
    }
    mounts = [
        {"name": "keys", "mountPath": "/keys"},
        {"name": "all", "mountPath": "/all"},
        {"name": "text", "mountPath": "/one", "subPath": "text"},
        {"name": "empty", "mountPath": "/empty"},
    ]
    assert told(cluster, pod("volumes", code, spec, volumeMounts=mounts)) == {
        "key": ["1", "0o440", 0, 10002],
        "names": ["own"],
        "text": ["hello", "2", "volumes"],
        "file": "hello",
        "empty": [8 << 20, "0o2777", 0, 10002],
    }


def test_a_pod_waits_for_a_secret_that_is_not_there_yet(cluster: PodCluster) -> None:
    late = {"secretKeyRef": {"name": "late", "key": "k"}}
    env = [{"name": "K", "valueFrom": late}]
    code = "import os; print(os.environ['K'])"
    cluster.apply([pod("waits", code, {"restartPolicy": "OnFailure"}, env=env)])
    cluster.until(
        lambda: any("waits for Secret late" in one.story() for one in of(cluster, "waits")),
        STARTS_S,
        "the pod says what it waits for",
    )
    cluster.apply([{"kind": "Secret", "metadata": {"name": "late"}, "stringData": {"k": "now"}}])
    cluster.until(lambda: cluster.pod("waits").phase == "Succeeded", STARTS_S, "it went on")
    assert cluster.pod("waits").output.read_text() == "now\n"
    cluster.remove("Pod", "waits")


def test_root_is_refused_where_it_is_forbidden(cluster: PodCluster) -> None:
    spec = {"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}
    cluster.apply([pod("rooted", "print(1)", spec)])
    cluster.until(
        lambda: any(one.phase == "Failed" for one in of(cluster, "rooted")), STARTS_S, "it failed"
    )
    assert "runAsNonRoot" in cluster.story()
    cluster.remove("Pod", "rooted")


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
