"""Who of a StatefulSet starts and ends next."""

from aiex.testing.pods.stateful_set import Ordinal, SetStep, set_step

PARALLEL = {"replicas": 3, "podManagementPolicy": "Parallel"}
WELL = Ordinal(is_current=True, is_available=True, is_ending=False)
OLD = Ordinal(is_current=False, is_available=True, is_ending=False)
STARTING = Ordinal(is_current=True, is_available=False, is_ending=False)
ENDING = Ordinal(is_current=False, is_available=False, is_ending=True)


def test_parallel_starts_all_at_once_and_in_order_one_after_the_other() -> None:
    assert set_step(PARALLEL, {}) == SetStep(start=(0, 1, 2))
    assert set_step({"replicas": 3}, {}) == SetStep(start=(0,))
    assert set_step({"replicas": 3}, {0: STARTING}) == SetStep()
    assert set_step({"replicas": 3}, {0: WELL}) == SetStep(start=(1,))


def test_an_update_takes_the_last_first_and_waits_until_it_is_available() -> None:
    assert set_step(PARALLEL, {0: OLD, 1: OLD, 2: OLD}) == SetStep(end=(2,))
    assert set_step(PARALLEL, {0: OLD, 1: OLD, 2: ENDING}) == SetStep()
    assert set_step(PARALLEL, {0: OLD, 1: OLD, 2: STARTING}) == SetStep()
    assert set_step(PARALLEL, {0: OLD, 1: OLD, 2: WELL}) == SetStep(end=(1,))


def test_a_place_is_taken_until_its_pod_is_gone() -> None:
    assert set_step(PARALLEL, {0: WELL, 1: ENDING, 2: WELL}) == SetStep()
    assert set_step(PARALLEL, {0: WELL, 2: WELL}) == SetStep(start=(1,))


def test_the_last_go_when_there_are_too_many() -> None:
    assert set_step({"replicas": 1}, {0: WELL, 1: WELL, 2: WELL}) == SetStep(end=(2,))


def test_on_delete_leaves_outdated_pods_alone() -> None:
    spec = {**PARALLEL, "updateStrategy": {"type": "OnDelete"}}
    assert set_step(spec, {0: OLD, 1: OLD, 2: OLD}) == SetStep()
