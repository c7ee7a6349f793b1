"""A cluster as one node sees it, in words for people; pure."""

from collections.abc import Iterator

from aiex.cli.answers.cluster import SeenCluster, SeenMember
from aiex.cli.answers.node import EngineFacts
from aiex.cli.output import table_lines
from aiex.cli.status_text import duration_text

CLUSTER_PATH = "/admin/v1/cluster"
STATES = ("joining", "up", "draining", "left")
# Those that somebody has to look at, each with its reason.
TROUBLED = ("suspect", "down")
LABEL_WIDTH = 9
NEXT_STEP = "aiex cluster explain says why, and what to do"


def status_lines(seen: SeenCluster, engine: EngineFacts | None = None) -> list[str]:
    """Whether it is whole, who is in which state, who carries the engine, what to do next."""
    return list(_status_lines(seen, engine))


def member_lines(seen: SeenCluster) -> list[str]:
    """A table of the members."""
    headings = ("NODE", "STATE", "FOR", "CARRIES", "ZONE", "VERSION", "LOAD", "HOT", "API", "")
    return table_lines(headings, [_row(member) for member in seen.members])


def _status_lines(seen: SeenCluster, engine: EngineFacts | None) -> Iterator[str]:
    yield _line("cluster", seen.name)
    yield _line("condition", ": ".join(one for one in (seen.condition, seen.reason) if one))
    for state in STATES:
        if names := [member.name for member in seen.members if member.state == state]:
            yield _line(state, f"{len(names)} ({', '.join(names)})")
    for member in seen.members:
        if member.state in TROUBLED:
            yield _line(member.state, _trouble(member))
    if seen.carriers:
        yield _line("carriers", _carriers(seen))
    if seen.epoch and engine is not None:
        yield _line("charter", f"epoch {seen.epoch}")
    if engine is not None and engine.state:
        yield _line("engine", ": ".join(one for one in (engine.state, engine.reason) if one))
    for outsider in seen.outsiders:
        yield _line("kept out", f"{outsider.name}: {outsider.reason}")
    if seen.condition not in ("whole", "") or carriers_away(seen):
        yield _line("next", NEXT_STEP)


def carriers_away(seen: SeenCluster) -> list[str]:
    """Those that carry the engine and are not there; a goodbye is no excuse."""
    there = {one.carrier for one in seen.members if one.state not in ("down", "left")}
    return [one for one in seen.carriers if one not in there]


def _carriers(seen: SeenCluster) -> str:
    names, away = ", ".join(seen.carriers), carriers_away(seen)
    if not away:
        return f"{len(seen.carriers)} ({names})"
    there_count = len(seen.carriers) - len(away)
    return f"{there_count} of {len(seen.carriers)} there ({names}); away: {', '.join(away)}"


def _trouble(member: SeenMember) -> str:
    why = f": {member.reason}" if member.reason else ""
    return f"{member.name} for {duration_text(member.state_age_s)}{why}"


def _row(member: SeenMember) -> tuple[str, ...]:
    return (
        member.name + (" (asked)" if member.is_self else ""),
        member.state,
        duration_text(member.state_age_s),
        "yes" if member.carrier else "no",
        member.zone or "none",
        member.version,
        f"{member.in_flight} of {member.in_flight_max}",
        str(member.hot_revision) if member.hot_revision else "none",
        member.api_url or "none yet",
        member.reason,
    )


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL_WIDTH}} {text}"
