"""Clusters in labs, for rounds of faults."""

from collections.abc import Callable, Iterator

import pytest

from aiex.testing.lab_cluster import EnginesBeside, OwnEngines
from aiex.testing.lab_stage import LabStage, LabStages, MakeEngines
from aiex.testing.namespaces import NamespacesUnavailable

type Need = Callable[[str, str], str]


@pytest.fixture(scope="session")
def lab_programs(need: Need) -> None:
    """Skips, or fails in CI, where a lab's programs are missing."""
    for program, package in (
        ("setpriv", "util-linux"),
        ("nsenter", "util-linux"),
        ("ip", "iproute2"),
        ("mount", "mount"),
    ):
        need(program, package)


def _stages(
    tmp_path_factory: pytest.TempPathFactory, make_engines: MakeEngines
) -> Iterator[LabStages]:
    with LabStages(lambda: tmp_path_factory.mktemp("stage"), make_engines) as stages:
        yield stages


@pytest.fixture(scope="module")
def stages_of_own_engines(
    tmp_path_factory: pytest.TempPathFactory, lab_programs: None
) -> Iterator[LabStages]:
    yield from _stages(tmp_path_factory, lambda lab, _: OwnEngines(lab))


@pytest.fixture(scope="module")
def stages_beside_engines(
    tmp_path_factory: pytest.TempPathFactory, lab_programs: None
) -> Iterator[LabStages]:
    yield from _stages(tmp_path_factory, EnginesBeside)


def _sound(stages: LabStages) -> LabStage:
    try:
        return stages.sound()
    except NamespacesUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def stage(stages_of_own_engines: LabStages) -> LabStage:
    """Three nodes that carry their engine, all well."""
    return _sound(stages_of_own_engines)


@pytest.fixture
def stage_beside_engines(stages_beside_engines: LabStages) -> LabStage:
    """Three nodes that use a cluster of three plain servers, all well."""
    return _sound(stages_beside_engines)
