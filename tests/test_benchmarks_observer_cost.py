"""The pure parts of the benchmark of what looking inside costs, and whether its sides are alike."""

import asyncio
import contextlib
import time

import observer_cost
import pytest
from observer_cost import GOALS
from rig import profiled_shares
from rig.errors import Refused
from rig.figures import Goal
from rig.gc_units import Pauses, Units
from rig.paired import differences, interval
from rig.question import Found

from aiex.testing.known_shares import BURNERS, name_of

FIRST = name_of(BURNERS[0])
RUN = {"on": [21.0, 22.0, 21.5], "off": [20.0, 20.0, 20.5]}


def values(found: Found) -> dict[str, float | None]:
    return {figure.name: figure.value for figure in found.figures}


def test_a_cost_is_the_difference_within_each_pair() -> None:
    found = observer_cost.paired_found("always_on_cpu_percent", "node", RUN)
    assert values(found) == {"always_on_cpu_percent": 1.0}
    assert found.facts["node, on / off"] == pytest.approx(21.5 / 20.0)


def test_the_interval_is_that_of_the_median_and_says_how_certain_it_is() -> None:
    more = differences(RUN["on"], RUN["off"])
    assert interval(more) == (1.0, 2.0, 0.75)
    six = interval([3.0, 1.0, 2.0, 5.0, 4.0, 6.0])
    assert six[:2] == (1.0, 6.0)
    assert six.certainty == pytest.approx(1 - 2 / 64)
    # One disturbed pair of twelve moves nothing: two beyond each end are left out.
    twelve = interval([*map(float, range(11)), 900.0])
    assert twelve[:2] == (2.0, 9.0)
    assert twelve.certainty >= 0.95


def test_both_sides_are_first_as_often() -> None:
    assert observer_cost.order(0) == ("off", "on")
    assert observer_cost.order(1) == ("on", "off")


def test_a_loop_without_a_core_of_its_own_gives_no_figure() -> None:
    observer_cost.judge_tasks({"wait_ratio": 0.1, "tasks_per_s": [19_900.0, 20_010.0]})
    with pytest.raises(Refused, match=r"only 12000 tasks/s"):
        observer_cost.judge_tasks({"wait_ratio": 0.1, "tasks_per_s": [12_000.0, 20_010.0]})
    with pytest.raises(Refused, match="waited 60% of its time"):
        observer_cost.judge_tasks({"wait_ratio": 0.6, "tasks_per_s": [20_000.0]})


def test_pauses_are_compared_by_what_a_unit_met() -> None:
    default = {"met_ms": [0.0] * 98 + [40.0, 41.0], "cpu_us": 1000.0}
    tuned = {"met_ms": [0.0] * 98 + [10.0, 60.0], "cpu_us": 900.0}
    found = observer_cost.gc_found(
        {"default": [default], "tuned": [tuned], "steps": [["freeze: helped"]]}
    )
    assert values(found) == {"gc_pause_p99_ratio": 0.25, "gc_cpu_ratio": 0.9}
    assert found.facts["pause met, longest ms"] == {"default": 41.0, "tuned": 60.0}


def test_leaks_are_told_of_ten_and_the_missed_by_name() -> None:
    found = observer_cost.leaks_found({"a": True, "b": False}, {"c": False, "d": False})
    assert values(found) == {"leak_found": 5.0, "leak_false": 0.0}
    assert found.facts["missed"] == ["b"]


def test_faults_that_were_judged_on_a_crowded_machine_give_no_figure() -> None:
    rounds = [
        {"others_ratio": 0.1, "is_named": True, "draw": {"kinds": ["sleep"]}},
        {"others_ratio": 0.2, "is_named": False, "draw": {"kinds": ["hot_lock", "sleep"]}},
    ]
    found = observer_cost.faults_found({"share": 0.5, "rounds": rounds})
    assert values(found) == {"faults_named": 0.5}
    assert found.facts["not named"] == ["hot_lock and sleep"]
    assert found.facts["faults drawn"] == "2, not 40"
    with pytest.raises(Refused, match="other programs had 90%"):
        observer_cost.faults_found({"share": 1, "rounds": [{**rounds[0], "others_ratio": 0.9}]})


def test_of_a_bound_that_is_nothing_a_miss_is_still_told() -> None:
    goal = next(one for one in GOALS if one.figure == "leak_false")
    assert goal.shortfall_ratio(0.0) == 0
    assert goal.shortfall_ratio(2.0) == 2
    assert Goal("x", "<=", 4, "").shortfall_ratio(5) == 0.25


def test_a_peers_cpu_is_that_of_its_helper_too_and_one_without_shares_says_so() -> None:
    pair = {"without": {"cpu_s": 1.0, "wall_s": 2.0}, "with": {"cpu_s": 1.5, "wall_s": 2.2}}
    facts = observer_cost.profiler_facts([{"pairs": [pair], "error_points": None}])
    assert facts["CPU with / without"] == 1.5
    assert facts["time with / without"] == pytest.approx(1.1)
    assert facts["error points"] == "does not look at CPU"


async def test_a_profiler_is_timed_and_held_against_the_truth() -> None:
    told = {"seen": 0.0}

    @contextlib.asynccontextmanager
    async def first_only():  # type: ignore[no-untyped-def]
        shares: dict[str, float] = {}
        yield shares
        told["seen"] += 1
        shares[FIRST] = 1.0

    found = await profiled_shares.measure(first_only, seed=1, cpu_s=0.05, turns=1)
    assert told["seen"] == 2
    assert found["pairs"][0]["with"]["cpu_s"] > 0
    # It gave everything to one of three, each of which has a ninth at least.
    assert found["error_points"] > 10


async def test_a_unit_meets_only_the_pauses_within_it() -> None:
    pauses = Pauses()
    units = Units(pauses)
    pauses.met_s = 5.0  # before any unit
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(units.run(), 0.1)
    assert units.met_ms, "the first one runs at once"
    assert max(units.met_ms) < 5000
    assert units.is_idle


def test_a_pause_that_goes_on_when_a_unit_is_due_holds_it_up() -> None:
    pauses = Pauses()
    before_s = time.monotonic()
    pauses.seen("start", {})
    pauses.seen("stop", {})
    assert pauses.held_up_s(before_s) == pauses.met_s > 0
    assert pauses.held_up_s(time.monotonic()) == 0
