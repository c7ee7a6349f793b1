"""`python -m examples.trouble.rounds`: is what is planted named? Draw by draw, with a share.

Exit status: 0 when at least `--share` of the draws were named, else 1.
"""

import argparse
import asyncio
import sys
import time

import msgspec

from examples.trouble.catalogue import BY_KIND
from examples.trouble.crowd import CROWDED_RATIO, cpu_times, others_ratio
from examples.trouble.draws import Draw, drawn
from examples.trouble.fault import Truth
from examples.trouble.judge import Said, verdict
from examples.trouble.plan import drawn_plan
from examples.trouble.question import Refused, ask_what_is_wrong
from examples.trouble.stage import NodeEnded, end_as_by_ctrl_c, staged

SETTLE_S = 8.0
# An operator asks for so long at a time, and again until it is named or their patience ends.
WINDOW_S = 8.0
PATIENCE_S = 30.0
SHARE_WANTED = 0.9
INTERRUPTED = 130  # 128 + SIGINT, as shells count


class Round(msgspec.Struct, frozen=True):
    """`after_s` since the first question, when everything had been named. `error`: no verdict."""

    draw: Draw
    truths: tuple[Truth, ...]
    is_named: bool
    named: tuple[str, ...] = ()
    after_s: float | None = None
    beside: tuple[Said, ...] = ()
    false_alarms: tuple[Said, ...] = ()
    traffic: str = ""
    unseen: tuple[str, ...] = ()  # what the node says it could not look at
    others_ratio: float = 0.0  # of the machine's CPUs, that other processes had meanwhile
    error: str = ""


def main() -> None:
    end_as_by_ctrl_c()
    options = _options()
    draws = drawn(options.seed, options.draws, options.kind or ())
    try:
        rounds = asyncio.run(_played(draws, is_json=options.json))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    share = sum(one.is_named for one in rounds) / len(rounds)
    alarms = sum(len(one.false_alarms) for one in rounds)
    if options.json:
        print(msgspec.json.encode({"share": share, "rounds": rounds}).decode())
    else:
        print(f"named: {share:.0%} of {len(rounds)} draws; {alarms} false alarms")
    sys.exit(0 if share >= options.share else 1)


async def _played(draws: list[Draw], *, is_json: bool) -> list[Round]:
    rounds: list[Round] = []
    for number, draw in enumerate(draws, 1):
        rounds.append(await played(draw))
        lines = "\n".join(told(number, rounds[-1]))
        print(lines, file=sys.stderr if is_json else sys.stdout, flush=True)
    return rounds


async def played(draw: Draw) -> Round:
    """One draw on a node of its own; what goes wrong with the node itself is a miss, and told."""
    plan = drawn_plan(draw.seed, draw.kinds)
    said: dict[tuple[str, str], Said] = {}
    unseen: dict[str, None] = {}
    try:
        async with staged(plan) as stage:
            await asyncio.sleep(SETTLE_S)
            truths = tuple(_as_node_tells(one, stage.key_ids) for one in plan.truths)
            began_s, before = time.monotonic(), cpu_times(stage.node.pid)
            after_s = None
            while after_s is None and (left_s := PATIENCE_S - (time.monotonic() - began_s)) > 3:
                analysis = await ask_what_is_wrong(stage.data_dir, min(WINDOW_S, left_s - 1))
                said |= {(one.cause, one.function): one for one in analysis.findings}
                unseen |= dict.fromkeys(analysis.missing)
                asked_s = time.monotonic() - began_s
                if verdict(truths, said.values()).is_right and asked_s <= PATIENCE_S:
                    after_s = asked_s
            others = others_ratio(before, cpu_times(stage.node.pid))
            traffic = stage.traffic.told()
    except (NodeEnded, Refused) as error:
        return Round(draw, plan.truths, is_named=False, error=str(error))
    judged = verdict(truths, said.values(), is_crowded=others > CROWDED_RATIO)
    return Round(
        draw,
        truths,
        is_named=after_s is not None,
        named=judged.named,
        after_s=after_s,
        beside=judged.beside,
        false_alarms=judged.false_alarms,
        traffic=traffic,
        others_ratio=others,
        unseen=tuple(unseen),
    )


def told(number: int, one: Round) -> list[str]:
    """A round in lines: the draw, what is true, what was said besides."""
    is_late = not one.is_named and len(one.named) == len(one.truths)
    mark = "named " if one.is_named else "LATE  " if is_late else "MISSED"
    after = "-" if one.after_s is None else f"{one.after_s:.0f} s"
    lines = [f"{number:3}  {mark} {after:>5}  {' + '.join(one.draw.kinds)}  (seed {one.draw.seed})"]
    if not one.is_named:
        missed = [truth for truth in one.truths if truth.kind not in one.named]
        lines += [f"       truth: {truth_line(truth)}" for truth in missed]
        lines.append(f"       traffic: {one.traffic or one.error}")
        lines.append(f"       others had {one.others_ratio:.0%} of the machine's CPUs")
        lines += [f"       not looked at: {sentence}" for sentence in one.unseen]
    lines += [f"       beside: {said_line(each)}" for each in one.beside]
    lines += [f"       FALSE ALARM: {said_line(each)}" for each in one.false_alarms]
    return lines


def truth_line(truth: Truth) -> str:
    who = truth.functions[0] if truth.functions else truth.mentions
    strengths = ", ".join(f"{name} {value:g}" for name, value in truth.strengths.items())
    return f"{'/'.join(truth.causes)} in {who} ({strengths})"


def said_line(said: Said) -> str:
    return f"{said.cause} in {said.function or said.service or 'nobody'}: {said.text}"


def _as_node_tells(truth: Truth, key_ids: dict[str, str]) -> Truth:
    """A key's name is its owner's business: the node speaks of ids."""
    if truth.mentions in key_ids:
        return msgspec.structs.replace(truth, mentions=key_ids[truth.mentions])
    return truth


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.trouble.rounds", description="Is what is planted named?"
    )
    parser.add_argument("--draws", type=int, default=60, help="how many nodes are tried")
    parser.add_argument("--seed", type=int, default=1, help="what the draws are drawn from")
    parser.add_argument("--kind", action="append", choices=sorted(BY_KIND), help="only this")
    parser.add_argument("--share", type=float, default=SHARE_WANTED, help="that has to be named")
    parser.add_argument("--json", action="store_true", help="all of it as JSON at the end")
    return parser.parse_args()


if __name__ == "__main__":
    main()
