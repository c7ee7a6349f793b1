"""A release of the chart whose NATS is somebody else's, with Secrets made by whoever installs."""

import pytest

from tests.deploy.chart.rendering import NAME
from tests.deploy.pods.release import Release

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.needs_root]


def test_it_forms_answers_and_passes_its_own_tests(external: Release) -> None:
    print(f"formed in {external.formed_s:.1f} s")
    assert external.cluster.pods(component="nats") == []
    assert len(external.nodes()) == 3
    assert external.chat() == (200, "hello")
    assert external.chat(key="sk-another") == (401, "")
    names = {pod.name for pod in external.run_hooks("test")}
    assert names == {f"{NAME}-test-chat", f"{NAME}-test-status"}


def test_neither_a_killed_server_nor_a_deleted_pod_fails_a_request(external: Release) -> None:
    made = external.admin(external.nodes()[0], "/admin/v1/keys", {"name": "kept"})
    (engine, *_), (node, *_) = external.engines(), external.nodes()
    with external.traffic():
        external.kill(engine)
        external.cluster.delete_pod(node.name)
        external.until_whole()
    assert engine.restarts == 1
    assert external.chat(key=made["key"]) == (200, "hello")
