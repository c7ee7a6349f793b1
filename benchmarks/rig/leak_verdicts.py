"""Days of leaks and of what looks like one, through the detector of the node, its clock leaping.

python -m rig.leak_verdicts <hours at most>      (the last line is JSON)
"""

import asyncio
import sys
from typing import Any

from aiex.testing.leak_cases import LEAKS, LOOKALIKES
from aiex.testing.memory_simulated import HOUR_S, Watched
from rig.side_process import tell

SEED = 11


async def measure(hours_max: float) -> dict[str, Any]:
    """By name, whether it was right of a leak, and whether a look-alike was accused."""
    leaks, lookalikes = {}, {}
    for name, (hours, found_by_h, subject, formulas) in LEAKS.items():
        if hours <= hours_max:
            watched = await Watched(hours, SEED, **formulas).run()
            leaks[name] = any(
                leak.type == subject and at_s <= found_by_h * HOUR_S
                for at_s, leak in watched.suspected
            )
    for name, (hours, formulas) in LOOKALIKES.items():
        if hours <= hours_max:
            lookalikes[name] = bool((await Watched(hours, SEED, **formulas).run()).suspected)
    return {"leaks": leaks, "lookalikes": lookalikes}


if __name__ == "__main__":
    tell(asyncio.run(measure(float(sys.argv[1]))))
