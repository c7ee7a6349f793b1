"""Clusters of one node, whose pods are really run."""

import compileall
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

import aiex
from aiex.testing.namespaces import NamespacesUnavailable
from aiex.testing.pods import Image, PodCluster, aiex_image, nats_image
from tests.deploy.chart.rendering import NAMESPACE, Chart
from tests.deploy.pods.release import ADMIN_TOKEN, API_KEY, Release

type Need = Callable[[str, str], str]
type MakeCluster = Callable[[Callable[[str], Image]], PodCluster]


@pytest.fixture(scope="session")
def pod_programs(need: Need) -> None:
    """Skips, or fails in CI, where a program is missing."""
    for program, package in (
        ("setpriv", "util-linux"),
        ("nsenter", "util-linux"),
        ("ip", "iproute2"),
        ("nft", "nftables"),
        ("mount", "mount"),
    ):
        need(program, package)


@pytest.fixture(scope="module")
def make_cluster(
    tmp_path_factory: pytest.TempPathFactory, pod_programs: None
) -> Iterator[MakeCluster]:
    with contextlib.ExitStack() as made:

        def make(images: Callable[[str], Image]) -> PodCluster:
            directory: Path = tmp_path_factory.mktemp("cluster")
            try:
                return made.enter_context(PodCluster(directory, images, namespace=NAMESPACE))
            except NamespacesUnavailable as error:
                pytest.skip(str(error))

        yield make


@pytest.fixture(scope="session")
def one_chart(kubernetes_tools: Path) -> Chart:
    """The chart by helm 4 alone; that others render alike is asked elsewhere."""
    return Chart({"helm": str(kubernetes_tools / "bin" / "helm")})


def image_of(name: str) -> Image:
    """By an image's name without its registry."""
    return nats_image() if name.rpartition("/")[2].startswith("nats:") else aiex_image()


@pytest.fixture(scope="session")
def compiled() -> None:
    """Source is compiled before pods start from it, as it is in the image."""
    compileall.compile_dir(Path(aiex.__file__).parent, quiet=2)


@pytest.fixture(scope="module")
def external(make_cluster: MakeCluster, one_chart: Chart, compiled: None) -> Release:
    """Three nodes at a NATS that is not of the release, formed."""
    cluster = make_cluster(image_of)
    text = (Path(__file__).parent / "engine.yaml").read_text()
    cluster.apply(yaml.safe_load_all(text))
    cluster.apply([secret("others-keys", "aiex", "not-of-the-release")])
    release = Release(cluster, one_chart, EXTERNAL, "other-nats")
    release.upgrade()
    release.formed_s = release.until_whole()
    return release


EXTERNAL = {
    "nats": {"enabled": False},
    "engine": {"external": {"url": "nats://other-nats:4222"}},
    "secrets": {"existingSecret": "others-keys"},
    "networkPolicy": {
        "extraEgress": [
            {
                "to": [{"podSelector": {"matchLabels": {"app": "other-nats"}}}],
                "ports": [{"port": 4222, "protocol": "TCP"}],
            }
        ]
    },
}


def secret(name: str, user: str, password: str) -> dict[str, object]:
    """A Secret with the keys that the chart wants."""
    return {
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {
            "admin-token": ADMIN_TOKEN,
            "api-key": API_KEY,
            "engine-user": user,
            "engine-password": password,
        },
    }
