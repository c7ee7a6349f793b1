"""Nodes asked one by one: do they live, do they take requests, what does their clock say?"""

import email.utils
import time
from collections.abc import Callable

import msgspec

from aiex.kubernetes.facts import AnswerSeen, Gap
from aiex.kubernetes.look.reach import Reach, Told

API_PORT, ADMIN_PORT = 8080, 8081
# The header Date has whole seconds.
DATE_DOUBT_S = 1.0


class _Check(msgspec.Struct):
    name: str = ""
    status: str = ""
    reason: str = ""


class _Checks(msgspec.Struct):
    checks: tuple[_Check, ...] = ()


class _Node(msgspec.Struct):
    version: str = ""


class _Engine(msgspec.Struct):
    state: str = ""
    reason: str = ""


class _Status(msgspec.Struct):
    node: _Node = msgspec.field(default_factory=_Node)
    engine: _Engine = msgspec.field(default_factory=_Engine)


async def node_answer(
    reach: Reach,
    pod: str,
    host: str,
    *,
    has_token: bool,
    clock_ahead_s: float,
    wall_s: Callable[[], float] = time.time,
) -> tuple[AnswerSeen | None, Told]:
    """What a node says of itself; `clock_ahead_s` is how far ahead of ours the right clock is.

    Without an answer there is nothing seen, and what was told of the admin port says why.
    """
    began_s = wall_s()
    live = await reach.ask(pod, host, ADMIN_PORT, "/livez")
    ended_s = wall_s()
    if live.state != "open":
        return None, live
    skew_s, doubt_s = _skew(live.date, began_s, ended_s, clock_ahead_s)
    ready = await reach.ask(pod, host, API_PORT, "/readyz")
    seen = AnswerSeen(
        pod,
        is_ready=ready.status == 200 if ready.state == "open" else None,
        clock_ahead_s=skew_s,
        clock_doubt_s=doubt_s,
    )
    if has_token:
        seen = await _with_token(reach, pod, host, seen)
    return seen, live


def unanswered(told: dict[str, Told]) -> tuple[Gap, ...]:
    """Nodes that could not be asked, those with one reason together."""
    reasons: dict[str, list[str]] = {}
    for pod, one in told.items():
        if one.state != "open":
            reasons.setdefault(_reason(one), []).append(pod)
    return tuple(Gap(f"what {', '.join(pods)} would say", why) for why, pods in reasons.items())


async def _with_token(reach: Reach, pod: str, host: str, seen: AnswerSeen) -> AnswerSeen:
    checks = _decoded(await reach.ask(pod, host, ADMIN_PORT, "/readyz?verbose"), _Checks)
    status = _decoded(await reach.ask(pod, host, ADMIN_PORT, "/admin/v1/status"), _Status)
    failing = (one for one in checks.checks if one.status == "failed") if checks else ()
    return msgspec.structs.replace(
        seen,
        failing=tuple(f"{one.name}: {one.reason}" for one in failing),
        version=status.node.version if status else "",
        engine=status.engine.state if status else "",
        engine_reason=status.engine.reason if status else "",
    )


def _decoded[T](told: Told, shape: type[T]) -> T | None:
    try:
        return msgspec.json.decode(told.body, type=shape) if told.state == "open" else None
    except msgspec.DecodeError:
        return None  # it does not take the token, or is another release


def _skew(
    date: str, began_s: float, ended_s: float, clock_ahead_s: float
) -> tuple[float | None, float]:
    parsed = email.utils.parsedate_tz(date)
    if parsed is None:
        return None, 0.0
    middle_s = (began_s + ended_s) / 2 + clock_ahead_s
    told_s = email.utils.mktime_tz(parsed) + DATE_DOUBT_S / 2
    return told_s - middle_s, (ended_s - began_s) / 2 + DATE_DOUBT_S


def _reason(told: Told) -> str:
    match told.state:
        case "silent":
            return (
                f"nothing comes back from port {ADMIN_PORT}; the chart's policy lets monitoring "
                "alone in there"
            )
        case "refused":
            return f"nobody listens at port {ADMIN_PORT}"
    return told.text or f"port {ADMIN_PORT} is not reached"
