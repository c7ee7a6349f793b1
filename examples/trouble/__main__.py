"""`python -m examples.trouble`: a node with faults planted in it, to look for them.

    python -m examples.trouble --seed 7                   a fault drawn from the seed
    python -m examples.trouble --seed 7 --kind sleep      this one
    python -m examples.trouble --kind sleep --kind flood  two at once
    python -m examples.trouble --healthy --load bursts    none, to see that none is found
    python -m examples.trouble --list

It prints what is true, how to look, and every ten seconds how the requests fare. Ctrl-C ends it.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from random import Random

import msgspec

from examples.trouble.catalogue import BY_KIND, FAULTS
from examples.trouble.plan import Plan, drawn_plan
from examples.trouble.shape import SHAPES, Shape
from examples.trouble.stage import NodeEnded, Stage, end_as_by_ctrl_c, staged

TOLD_EVERY_S = 10.0


def main() -> None:
    end_as_by_ctrl_c()
    options = _options()
    if options.list:
        for fault in FAULTS:
            print(f"{fault.kind:18} {', '.join(fault.causes):18} {fault.matters}")
        return
    kinds = options.kind or (
        [] if options.healthy else [Random(options.seed).choice(list(BY_KIND))]
    )
    plan = drawn_plan(options.seed, kinds)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(plan, Shape(options.load), options.seconds))


async def _run(plan: Plan, shape: Shape, seconds: float | None) -> None:
    try:
        async with staged(plan, shape) as stage, asyncio.timeout(seconds):
            _tell(plan, stage)
            while stage.node.poll() is None:
                await asyncio.sleep(TOLD_EVERY_S)
                print(stage.traffic.told(), flush=True)
            raise NodeEnded(f"The node ended with status {stage.node.returncode}.")
    except TimeoutError:
        return
    except NodeEnded as ended:
        sys.exit(str(ended))


def _tell(plan: Plan, stage: Stage) -> None:
    truths = msgspec.json.format(msgspec.json.encode(plan.truths)).decode()
    print(truths)
    if plan.traffic.flooding_key:
        print(f"keys: {json.dumps(stage.key_ids)}")
    print(f"Its log: {stage.directory / 'log'}\nLook, in another shell:")
    for command in ("analyze", "hot", "loop --stalls", "tasks", "memory --growth 10"):
        print(f"  aiex {command} --data-dir {stage.data_dir}")
    print("Ctrl-C ends it.", flush=True)


def _options() -> argparse.Namespace:
    text = (__doc__ or "").split("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m examples.trouble",
        description=text[0].partition(": ")[2],
        epilog=text[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="what all is drawn from")
    parser.add_argument(
        "--kind", action="append", choices=sorted(BY_KIND), help="a fault; may be given twice"
    )
    parser.add_argument("--healthy", action="store_true", help="no fault")
    parser.add_argument("--load", choices=SHAPES, default="steady", help="how the load goes")
    parser.add_argument("--seconds", type=float, help="end after so long")
    parser.add_argument("--list", action="store_true", help="what faults there are")
    return parser.parse_args()


if __name__ == "__main__":
    main()
