"""The panes of what goes through a node: its requests, and the engine that it is at. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from aiex.cli.table import Column, Row, Table
from aiex.cli.top.pane import (
    Drill,
    Pane,
    Picture,
    Seen,
    View,
    Way,
    key_of,
    summed_up,
    whose,
    with_node,
)
from aiex.performance import RequestsSeen, RouteRow
from aiex.performance.snapshot import fits


def route_picture(seen: Sequence[Seen], view: View) -> Picture:
    columns = (
        Column("REQ/S"),
        Column("ERR/S"),
        Column("REQUESTS"),
        Column("ERRORS"),
        Column("ROUTE", "name"),
        Column("MODEL", "name", rank=1),
    )
    found = [(one, row) for one in seen if one.now.requests for row in one.now.requests.routes]
    ordered = sorted(found, key=lambda pair: _route_order(pair[0], pair[1], view.sort))
    rows = tuple(
        Row(
            key_of(one.node, f"{row.route} {row.model}"),
            (*whose(seen, one), *_route_cells(one, row)),
        )
        for one, row in ordered
    )
    return Picture(
        summed_up(seen, _requests_line), Table(with_node(seen, columns), rows), "routes and models"
    )


def target_picture(seen: Sequence[Seen], view: View) -> Picture:
    columns = (
        Column("IN FLIGHT"),
        Column("WAITING"),
        Column("BREAKER", "word"),
        Column("TARGET", "name"),
    )
    found = [
        (one, row)
        for one in seen
        if one.now.requests
        for row in one.now.requests.targets
        if fits(view.fits, row.name)
    ]
    rows = tuple(
        Row(
            key_of(one.node, row.name),
            (
                *whose(seen, one),
                f"{row.in_flight:,}",
                f"{row.queue_len:,}",
                row.breaker,
                row.name,
            ),
        )
        for one, row in sorted(found, key=lambda pair: (-pair[1].in_flight, pair[1].name))
    )
    return Picture(
        summed_up(seen, _requests_line), Table(with_node(seen, columns), rows), "targets"
    )


def route_drill(_: Seen, name: str, view: View) -> Drill:
    """Which routes use the CPU: the same rows, seen from there."""
    route = name.partition(" ")[0]
    return View("functions", "route", "self", fits=route, n=view.n)


def target_drill(_: Seen, name: str, __: View) -> Drill:
    return f"`aiex models` shows where models go; {name} is set by its provider's settings."


def member_picture(seen: Sequence[Seen], view: View) -> Picture:
    """With several nodes: how each of them sees the others."""
    columns = (
        Column("MEMBER", "word"),
        Column("STATE", "word"),
        Column("IN FLIGHT"),
        Column("VERSION", "word", rank=2),
        Column("ZONE", "word", rank=3),
        Column("CARRIES", "word", rank=1),
        Column("WHY", "word"),
    )
    rows = tuple(
        Row(
            key_of(one.node, row.name),
            (
                *whose(seen, one),
                f"{row.name}{' (itself)' if row.is_self else ''}",
                row.state,
                f"{row.in_flight:,}",
                row.version,
                row.zone,
                "the engine" if row.carrier else "",
                row.reason,
            ),
        )
        for one in seen
        if one.now.engine
        for row in one.now.engine.members
        if fits(view.fits, row.name, row.state, row.zone)
    )
    return Picture(summed_up(seen, _engine_line), Table(with_node(seen, columns), rows), "members")


def view_picture(seen: Sequence[Seen], view: View) -> Picture:
    columns = (Column("TABLE", "word"), Column("HERE", "word"), Column("BEHIND"))
    rows = tuple(
        Row(
            key_of(one.node, row.table),
            (*whose(seen, one), row.table, row.state, f"{row.lag_s * 1e3:.0f} ms"),
        )
        for one in seen
        if one.now.engine
        for row in one.now.engine.views
        if fits(view.fits, row.table, row.state)
    )
    return Picture(summed_up(seen, _engine_line), Table(with_node(seen, columns), rows), "views")


def engine_drill(_: Seen, __: str, ___: View) -> Drill:
    return "`aiex cluster explain` asks all members, and says what is wrong."


def _requests_line(one: Seen) -> str:
    now = one.now.requests
    if now is None:
        return one.now.untold.get("requests", "")
    in_hand = f"{now.in_flight:,} of {now.in_flight_max:,} in flight, {now.stream_count:,} streams"
    shed = f"; {now.shed_ratio:.0%} turned away" if now.shed_ratio else ""
    return f"{_rates(one, now)}; {in_hand}{shed}"


def _rates(one: Seen, now: RequestsSeen) -> str:
    # Imported here: telemetry listens to all parts, and whoever asks for help need not wait for it.
    from aiex.telemetry import percentile_us, since

    before = one.before.requests if one.before is not None else None
    if before is None or one.apart_s <= 0:
        return f"{now.request_count:,} requests, {now.error_count:,} errors since it began"
    requests = now.request_count - before.request_count
    errors = now.error_count - before.error_count
    rates = f"{requests / one.apart_s:,.1f} requests/s, {errors / one.apart_s:,.1f} errors/s"
    lately = since(before.durations, now.durations)
    if not lately:
        return rates
    p50_ms, p99_ms = (percentile_us(lately, percent) / 1e3 for percent in (50, 99))
    return f"{rates}, p50 {p50_ms:,.1f} ms, p99 {p99_ms:,.1f} ms"


def _route_order(one: Seen, row: RouteRow, sort: str) -> tuple[float, str]:
    name = f"{row.route} {row.model}"
    if sort == "name":
        return (0.0, name)
    if sort == "errors":
        return (-row.error_count, name)
    rate = _grew(one, row)
    return (-row.count if rate is None else -rate[0] - row.count * 1e-9, name)


def _grew(one: Seen, row: RouteRow) -> tuple[float, float] | None:
    """Requests and errors a second; None while there is nothing to compare with."""
    before = one.before.requests if one.before is not None else None
    if before is None or one.apart_s <= 0:
        return None
    had = next(
        (other for other in before.routes if (other.route, other.model) == (row.route, row.model)),
        RouteRow(row.route, row.model, 0, 0),
    )
    return (
        max(0, row.count - had.count) / one.apart_s,
        max(0, row.error_count - had.error_count) / one.apart_s,
    )


def _route_cells(one: Seen, row: RouteRow) -> tuple[str, ...]:
    rates = _grew(one, row)
    return (
        *((f"{rates[0]:,.1f}", f"{rates[1]:,.1f}") if rates is not None else ("", "")),
        f"{row.count:,}",
        f"{row.error_count:,}",
        row.route,
        row.model or "-",
    )


def _engine_line(one: Seen) -> str:
    engine = one.now.engine
    if engine is None:
        return one.now.untold.get("engine", "")
    whose = "its own" if engine.is_embedded else "an external"
    version = f" {engine.server_version}" if engine.server_version else ""
    since_text = datetime.fromtimestamp(engine.since_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    reason = f": {engine.reason}" if engine.reason else ""
    trouble = f"; {engine.trouble}" if engine.trouble else ""
    return (
        f"{whose} engine{version} is {engine.state}{reason}, since {since_text}; "
        f"{engine.calls_in_flight:,} calls in flight{trouble}"
    )


REQUESTS = Pane(
    "requests",
    {
        "route": Way(("requests",), ("count", "errors", "name"), route_picture, route_drill),
        "target": Way(("requests",), ("",), target_picture, target_drill),
    },
)
ENGINE = Pane(
    "engine",
    {
        "member": Way(("engine",), ("",), member_picture, engine_drill),
        "view": Way(("engine",), ("",), view_picture, engine_drill),
    },
)
