"""`python -m examples.trouble.healthy`: a healthy node under load, asked all the time.

Whatever it says is a false alarm. Exit status: 0 when it said nothing, else 1.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from examples.trouble.crowd import CROWDED_RATIO, cpu_times, others_ratio
from examples.trouble.judge import Said, verdict
from examples.trouble.plan import RATE_PER_S, drawn_plan
from examples.trouble.question import Refused, ask_what_is_wrong
from examples.trouble.rounds import INTERRUPTED, WINDOW_S, said_line
from examples.trouble.shape import SHAPES, Shape, ShapeName
from examples.trouble.stage import NodeEnded, end_as_by_ctrl_c, staged


class Watched(msgspec.Struct, frozen=True):
    """A shape of load, how often was asked, and what was said."""

    shape: str
    asked_count: int
    false_alarms: tuple[Said, ...]
    beside: tuple[Said, ...]  # that the machine was crowded, when it was
    traffic: str


def main() -> None:
    end_as_by_ctrl_c()
    options = _options()
    shapes: Sequence[ShapeName] = [options.load] if options.load else SHAPES
    seconds = options.minutes * 60 / len(shapes)
    try:
        watched = asyncio.run(_all_watched(shapes, seconds, options.seed, options.rate))
    except (NodeEnded, Refused) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    if options.json:
        print(msgspec.json.encode(watched).decode())
    sys.exit(1 if any(one.false_alarms for one in watched) else 0)


async def _all_watched(
    shapes: Sequence[ShapeName], seconds: float, seed: int, rate_per_s: float
) -> list[Watched]:
    found: list[Watched] = []
    for name in shapes:
        one = await watched(Shape(name), seconds, seed, rate_per_s)
        print(f"{name}: asked {one.asked_count} times; {one.traffic}", file=sys.stderr, flush=True)
        for said in one.false_alarms:
            print(f"  FALSE ALARM: {said_line(said)}", file=sys.stderr, flush=True)
        if one.beside:
            print(f"  crowded: so it said {len(one.beside)} times", file=sys.stderr, flush=True)
        found.append(one)
    return found


async def watched(
    shape: Shape, seconds: float, seed: int, rate_per_s: float = RATE_PER_S
) -> Watched:
    """From the node's first second on: a start is no fault. Raises `NodeEnded`, `Refused`."""
    false_alarms: list[Said] = []
    beside: list[Said] = []
    asked_count = 0
    plan = drawn_plan(seed, ())
    plan = replace(plan, traffic=replace(plan.traffic, rate_per_s=rate_per_s))
    async with staged(plan, shape) as stage:
        until_s = time.monotonic() + seconds
        while asked_count == 0 or time.monotonic() + WINDOW_S < until_s:
            before = cpu_times(stage.node.pid)
            said = await ask_what_is_wrong(stage.data_dir, WINDOW_S)
            others = others_ratio(before, cpu_times(stage.node.pid))
            judged = verdict((), said.findings, is_crowded=others > CROWDED_RATIO)
            false_alarms += judged.false_alarms
            beside += judged.beside
            asked_count += 1
        return Watched(
            shape.name, asked_count, tuple(false_alarms), tuple(beside), stage.traffic.told()
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.trouble.healthy", description="Is nothing said of a healthy node?"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="shared by the shapes of load")
    parser.add_argument("--load", choices=SHAPES, help="only this shape")
    parser.add_argument(
        "--rate", type=float, default=RATE_PER_S, help="requests a second, before its shape"
    )
    parser.add_argument("--seed", type=int, default=1, help="what names are drawn from")
    parser.add_argument("--json", action="store_true", help="all of it as JSON at the end")
    return parser.parse_args()


if __name__ == "__main__":
    main()
