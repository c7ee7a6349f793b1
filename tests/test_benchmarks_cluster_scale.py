"""The pure parts of the benchmark of many members: the formula, and what members told."""

import pytest
from rig.members import Told, last_at_s
from rig.processes import parse_waited_s
from rig.scale import CARRIERS, Costs, Usage, costs, delivered_per_s, heard_per_s, row, table

KNOWN = Costs(
    hear_us=50.0,
    rest_ms_per_s=3.0,
    deliver_us=10.0,
    servers_rest_ms_per_s=30.0,
    heartbeat_bytes=300,
)


def usage(member_count: int) -> Usage:
    """As it is measured where the costs are just those."""
    return Usage(
        member_count,
        3.0 + heard_per_s(member_count) * 0.05,
        30.0 + delivered_per_s(member_count) * 0.01,
    )


def test_two_sizes_tell_what_a_message_costs() -> None:
    found = costs(usage(8), usage(23), 300)
    assert found.hear_us == pytest.approx(50.0)
    assert found.rest_ms_per_s == pytest.approx(3.0)
    assert found.deliver_us == pytest.approx(10.0)
    assert found.servers_rest_ms_per_s == pytest.approx(30.0)


def test_a_larger_cluster_that_seems_cheaper_makes_no_negative_cost() -> None:
    found = costs(Usage(8, 5.0, 50.0), Usage(23, 4.0, 40.0), 300)
    assert (found.hear_us, found.deliver_us) == (0.0, 0.0)


def test_above_fifty_members_a_node_hears_no_more_and_the_servers_do() -> None:
    fifty, thousand = row(50, KNOWN), row(1000, KNOWN)
    assert thousand.member_ms_per_s == pytest.approx(fifty.member_ms_per_s)
    assert thousand.delivered_per_s == pytest.approx(20 * fifty.delivered_per_s)
    assert thousand.server_mb_per_s == pytest.approx(thousand.delivered_per_s * 3e-4 / CARRIERS)


def test_the_table_has_a_line_for_each_size() -> None:
    lines = table(KNOWN, (3, 1000)).splitlines()
    assert [line.split()[0] for line in lines] == ["members", "3", "1000"]


def test_all_have_seen_it_when_the_last_has_first() -> None:
    told = [
        Told(1.0, "a", "up", "n"),
        Told(2.0, "b", "up", "n"),
        Told(3.0, "a", "up", "n"),
        Told(4.0, "c", "up", "other"),
    ]
    assert last_at_s(told, "up", "n", ["a", "b"]) == 2.0
    assert last_at_s(told, "up", "n", ["a", "b", "c"]) is None


def test_the_second_field_is_time_without_a_core() -> None:
    assert parse_waited_s("1500000000 250000000 17") == 0.25
