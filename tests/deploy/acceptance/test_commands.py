"""What the acceptance types is what kubectl and helm know, as they say without a cluster."""

import shlex

import pytest

from tests.deploy.acceptance.cluster_fake import FakeCluster
from tests.deploy.acceptance.test_course import OPTIONS
from tests.deploy.acceptance.test_guides import unknown_options
from tests.k8s.catalogue import chosen
from tests.k8s.course import run_course
from tests.k8s.stage import Stage


@pytest.mark.usefixtures("kubernetes_tools")
def test_every_option_that_the_acceptance_uses_exists() -> None:
    cluster = FakeCluster()
    run_course(Stage(cluster, OPTIONS), chosen([]), lambda _: None, lambda _: None)
    seen = set()
    for command in cluster.commands:
        words = shlex.split(command.partition(" -- ")[0])
        shape = (*words[:2], *sorted(word.partition("=")[0] for word in words if word[:2] == "--"))
        if shape not in seen:
            seen.add(shape)
            assert not unknown_options(words), command
    assert len(seen) >= 15
