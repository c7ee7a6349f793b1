"""The acceptance's load as the pod that it is: through a Service, while nodes come and go."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.deploy.acceptance.test_course import OPTIONS
from tests.deploy.chart.rendering import NAME, NAMESPACE, Chart
from tests.deploy.pods import conftest as pods
from tests.deploy.pods.conftest import (
    EXTERNAL,
    MakeCluster,
    compiled,
    image_of,
    make_cluster,
    one_chart,
    others_keys,
    pod_programs,
)
from tests.deploy.pods.release import Release
from tests.k8s import manifests
from tests.k8s.load_log import LoadReport, load_report
from tests.k8s.release import SETTINGS
from tests.k8s.stage import STOP
from tests.k8s.verdict import ANSWERS_MIN, planned, unannounced

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.needs_root]

__all__ = ["compiled", "make_cluster", "one_chart", "pod_programs"]  # fixtures

MINE = replace(OPTIONS, namespace=NAMESPACE, release=NAME)
KEYS = "others-keys"


class Load:
    """A pod with the load, answered by now. It ends by itself once it is told to."""

    def __init__(self, release: Release, name: str) -> None:
        self._cluster, self._name = release.cluster, name
        pod = manifests.load_pod(MINE, name, KEYS)
        self._cluster.apply([manifests.scripts(NAMESPACE), pod])
        self._cluster.until(lambda: bool(self._cluster.pods(name=name)), 30, "the load's pod")
        self.answers_more()

    def report(self) -> LoadReport:
        return load_report(self._cluster.pod(self._name).output.read_text(errors="replace"))

    def answers_more(self) -> None:
        wanted = self.report().answered_count + ANSWERS_MIN
        self._cluster.until(lambda: self.report().answered_count >= wanted, 60, "more answers")

    def ended(self) -> LoadReport:
        self.answers_more()
        pod = self._cluster.pod(self._name)
        assert self._cluster.execute(pod, ["python", "-c", STOP]) == 0
        self._cluster.until(lambda: pod.phase == "Succeeded", 60, "the load's end")
        print(self.report().in_words)
        return self.report()


@pytest.fixture(scope="module")
def release(make_cluster: MakeCluster, one_chart: Chart, compiled: None) -> Release:
    """Three nodes at a NATS beside them, with a model that takes its time."""
    cluster = make_cluster(image_of)
    cluster.apply(yaml.safe_load_all((Path(pods.__file__).parent / "engine.yaml").read_text()))
    release = Release(cluster, one_chart, {**EXTERNAL, "settings": SETTINGS}, "other-nats")
    cluster.apply([others_keys(release)])
    release.upgrade()
    release.until_whole()
    return release


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("roll", lambda release: release.upgrade(podAnnotations={"again": "1"})),
        ("delete", lambda release: release.cluster.begin_deletion(release.nodes()[0].name)),
    ],
)
def test_a_planned_change_fails_no_request_of_the_load(
    release: Release, name: str, change: Callable[[Release], None]
) -> None:
    load = Load(release, f"acceptance-load-{name}")
    change(release)
    release.until_whole(180)
    assert planned(load.ended()) == []


def test_a_killed_node_fails_what_the_load_had_in_flight_on_it(release: Release) -> None:
    load = Load(release, "acceptance-load-kill")
    (node, *_) = release.nodes()
    release.kill(node)
    release.cluster.until(lambda: node.restarts > 0, 30, "the node is started again")
    release.until_whole(180)
    assert unannounced(load.ended()) == []
