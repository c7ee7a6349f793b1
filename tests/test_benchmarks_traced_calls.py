"""What the cost of tracing is made of: every figure is measured, and nothing is left behind."""

import sys

from rig.traced_calls import traced_calls


async def test_traced_calls_cost_more_than_others_and_nothing_stays() -> None:
    found = await traced_calls(3, calls=2000)
    # A traced call does work that takes longer than a microsecond on any machine.
    assert min(found.on_us, found.values_us, found.returns_us, found.unmatched_us) > 0.5
    assert abs(found.off_ns) < 500
    assert abs(found.stopped_ns) < 500
    assert sys.monitoring.get_tool(4) is None
