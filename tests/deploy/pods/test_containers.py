"""A container gets what its pod says, and nothing else: user, rights, files, environment."""

import pytest

from aiex.testing.pods import PodCluster
from tests.deploy.pods.manifests import RESTRICTED, STARTS_S, USER, of, pod, told

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.needs_root]


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
