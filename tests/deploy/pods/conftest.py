"""Clusters of one node, whose pods are really run."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiex.testing.namespaces import NamespacesUnavailable
from aiex.testing.pods import Image, PodCluster

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
                return made.enter_context(PodCluster(directory, images))
            except NamespacesUnavailable as error:
                pytest.skip(str(error))

        yield make
