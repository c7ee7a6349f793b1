"""The image as it is built, in the pods of the chart: what it lacks there is seen here."""

import pytest

from aiex.testing.pods import Image, built_image, nats_image
from tests.deploy.chart.rendering import NAME
from tests.deploy.image.stage import Stage
from tests.deploy.pods.conftest import Install
from tests.deploy.pods.release import Release, memory_mib

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.needs_root]


@pytest.fixture(scope="module")
def image(images: Stage) -> Image:
    return built_image(images.mounted("aiex"), images.settings_of("aiex"))


@pytest.fixture(scope="module")
def release(install: Install, image: Image) -> Release:
    return install(
        lambda name: nats_image() if name.rpartition("/")[2].startswith("nats:") else image
    )


def test_it_forms_answers_and_passes_its_own_tests(release: Release) -> None:
    print(f"formed in {release.formed_s:.1f} s")
    assert release.chat() == (200, "hello")
    names = {pod.name for pod in release.run_hooks("test")}
    assert names == {f"{NAME}-test-chat", f"{NAME}-test-status"}
    print(", ".join(f"{memory_mib(pod):.0f} MiB" for pod in release.nodes()))


def test_a_deleted_pod_fails_no_request_and_ends_in_order(release: Release) -> None:
    (node, *_) = release.nodes()
    with release.traffic():
        release.cluster.delete_pod(node.name)
        release.until_whole()
    assert [(end.status, end.was_told) for end in node.ends] == [(0, True)]
