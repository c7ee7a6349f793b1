"""Clusters of one node, whose pods are really run."""

import compileall
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

import aiex
from aiex.testing.certificates import Authority
from aiex.testing.kubernetes_api import KubernetesApiServer
from aiex.testing.namespaces import NamespacesUnavailable
from aiex.testing.pods import Image, PodCluster, aiex_image, nats_image
from aiex.testing.pods.node import API_SERVER, API_SERVER_PORT
from tests.deploy.chart.rendering import NAME, NAMESPACE, Chart
from tests.deploy.pods.release import Release

TOKEN = "token-of-the-service-account"

type Need = Callable[[str, str], str]
type MakeCluster = Callable[..., PodCluster]
type Install = Callable[[Callable[[str], Image]], Release]


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

        def make(images: Callable[[str], Image], token: Path | None = None) -> PodCluster:
            directory: Path = tmp_path_factory.mktemp("cluster")
            try:
                return made.enter_context(
                    PodCluster(directory, images, namespace=NAMESPACE, token=token)
                )
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
    release = Release(cluster, one_chart, EXTERNAL, "other-nats")
    cluster.apply([others_keys(release)])
    release.upgrade()
    release.formed_s = release.until_whole()
    return release


@pytest.fixture(scope="module")
def install(
    make_cluster: MakeCluster,
    one_chart: Chart,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Install]:
    """Installs the chart with its own values: Secrets by its Job, three nodes, three NATS."""
    with contextlib.ExitStack() as serving:

        def installed(images: Callable[[str], Image]) -> Release:
            account = service_account(tmp_path_factory.mktemp("account"), authority)
            cluster = make_cluster(images, account)
            place = cluster.api_place()
            tls = authority.issue("api-server", names=f"IP:{API_SERVER}").server_context()
            # Any of its addresses: for a single one, Python would ask for its name.
            everywhere = ("0.0.0.0", API_SERVER_PORT)
            api = KubernetesApiServer(token=TOKEN, tls=tls, listens_at=everywhere)
            with place.inside():
                serving.enter_context(api)
            release = Release(cluster, one_chart, {}, f"{NAME}-nats")
            release.api = api
            release.run_hooks("pre-install")
            release.take_secrets()
            release.upgrade()
            release.formed_s = release.until_whole()
            return release

        yield installed


@pytest.fixture(scope="module")
def own_engine(install: Install, compiled: None) -> Release:
    """A release with the chart's own values, run from the source."""
    return install(image_of)


def service_account(directory: Path, authority: Authority) -> Path:
    """What a pod with a token finds."""
    directory.chmod(0o755)  # read by users of pods, as what the kubelet makes of it
    (directory / "token").write_text(TOKEN)
    (directory / "ca.crt").write_text(authority.ca_file.read_text())
    (directory / "namespace").write_text(NAMESPACE)
    return directory


EXTERNAL = {
    "nats": {"enabled": False},
    "engine": {
        "external": {
            "url": "nats://other-nats:4222",
            "existingSecret": "others-keys",
            "egressTo": [{"podSelector": {"matchLabels": {"app": "other-nats"}}}],
        }
    },
    "secrets": {"existingSecret": "others-keys"},
}


def others_keys(release: Release) -> dict[str, object]:
    """A Secret with the keys that the chart wants, made by whoever installs."""
    keys = {
        "admin-token": release.admin_token,
        "api-key": release.api_key,
        "engine-user": "aiex",
        "engine-password": "not-of-the-release",
    }
    return {"kind": "Secret", "metadata": {"name": "others-keys"}, "stringData": keys}
