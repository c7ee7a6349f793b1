"""A node's memory in words and tables."""

from collections.abc import Iterator

from aiex.cli.output import table_lines
from aiex.cli.status_text import duration_text
from aiex.performance import (
    Allocators,
    Footprint,
    GrowthReport,
    HolderList,
    Leak,
    Limit,
    MemoryState,
    Trimmed,
    TypeCensus,
)

_LABEL_WIDTH = 11


def state_lines(state: MemoryState) -> Iterator[str]:
    yield _line("resident", _resident_text(state.footprint))
    yield _line("limit", _limit_text(state.limit))
    yield _line("malloc", _malloc_text(state.allocators))
    yield _line("the rest", _rest_text(state.footprint, state.allocators))
    yield _line("threads", f"{state.footprint.thread_count}")
    yield _line("files", f"{state.footprint.open_file_count} open")
    yield _line("watched", duration_text(state.watched_s))
    if not state.leaks:
        yield _line("leaks", "none suspected; `aiex memory --growth 30` looks closer")
    for leak in state.leaks:
        yield ""
        yield from leak_lines(leak)
    yield from _notes(state.notes)


def leak_lines(leak: Leak) -> Iterator[str]:
    """What leaks, where, how fast, how sure, and what to do."""
    yield f"{leak.kind}: {leak.type}"
    if leak.holder:
        yield f"  held by     {leak.holder}"
    if leak.site:
        yield f"  made in     {leak.site}"
    yield f"  grows by    {_rate_text(leak)}, seen for {duration_text(leak.span_s)}"
    if leak.limit_in_s is not None:
        yield f"  limit in    {duration_text(leak.limit_in_s)}"
    yield f"  confidence  {leak.confidence:.2f}"
    yield f"  {leak.advice}"
    if leak.command:
        yield f"  Next: {leak.command}"


def type_lines(census: TypeCensus) -> Iterator[str]:
    yield (
        f"{census.object_count:,} objects of {census.type_count:,} types, "
        f"{size_text(census.bytes)}; counted in {census.seconds:.1f} s, the loop held up for "
        f"{census.longest_stop_s * 1000:.1f} ms at most"
    )
    yield ""
    rows = [(row.type, f"{row.count:,}", size_text(row.bytes)) for row in census.rows]
    yield from table_lines(("TYPE", "COUNT", "SIZE"), rows)
    yield from _notes(census.notes)


def holder_lines(found: HolderList) -> Iterator[str]:
    rows = [
        (
            f"{row.length:,}",
            size_text(row.bytes),
            size_text(row.contents_bytes),
            row.type,
            row.holder,
        )
        for row in found.rows
    ]
    yield from table_lines(("LENGTH", "SIZE", "WITH ITEMS", "TYPE", "HELD BY"), rows)
    yield ""
    yield (
        f"{found.object_count:,} objects looked at in {found.seconds:.1f} s, the loop held up for "
        f"{found.longest_stop_s * 1000:.1f} ms at most; sizes with items are estimates"
    )
    if not found.is_whole:
        yield "There are more objects than are looked at: a longer container may be missing."
    yield from _notes(found.notes)


def growth_lines(report: GrowthReport) -> Iterator[str]:
    if not report.leaks:
        yield f"Nothing only grew in {report.seconds:.0f} s ({report.look_count} looks)."
    else:
        yield f"What only grew in {report.seconds:.0f} s; a cache that fills looks the same:"
    for leak in report.leaks:
        yield ""
        yield from leak_lines(leak)
    yield from _notes(report.notes)


def trimmed_lines(trimmed: Trimmed) -> Iterator[str]:
    yield trimmed.text


def size_text(count: float) -> str:
    """A size as short as it can be read: 812 B, 4.2 KiB, 93.1 MiB."""
    for unit in ("B", "KiB", "MiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _resident_text(footprint: Footprint) -> str:
    text = size_text(footprint.rss_bytes)
    if footprint.uss_bytes:
        text += f", {size_text(footprint.uss_bytes)} of it this process's alone"
    if footprint.file_bytes:
        text += f"; {size_text(footprint.file_bytes)} are programs and libraries"
    if footprint.swap_bytes:
        text += f"; {size_text(footprint.swap_bytes)} in swap"
    return text


def _limit_text(limit: Limit) -> str:
    if limit.bytes is None:
        return f"none; a leak that would come to {size_text(limit.assumed_bytes)} is warned of"
    return f"{size_text(limit.bytes)} ({limit.source}), {size_text(limit.used_bytes)} used under it"


def _malloc_text(allocators: Allocators) -> str:
    if not allocators.is_malloc_known:
        return "not known here"
    used, free = allocators.malloc_used_bytes, allocators.malloc_free_bytes
    return f"{size_text(used)} in use, {size_text(free)} kept unused"


def _rest_text(footprint: Footprint, allocators: Allocators) -> str:
    """What neither files nor malloc have; its parts cannot be told apart from outside of them."""
    objects = f"{allocators.python_blocks:,} small objects of Python's and the room kept for such"
    if not (footprint.file_bytes and allocators.is_malloc_known):
        return objects
    rest = footprint.rss_bytes - footprint.file_bytes - allocators.malloc_used_bytes
    return f"{size_text(max(0, rest))}: {objects}, the HTTP libraries, what malloc keeps"


def _rate_text(leak: Leak) -> str:
    rates = []
    if leak.rate_bytes_s:
        rates.append(f"{size_text(leak.rate_bytes_s)}/s")
    if leak.rate_objects_s:
        rates.append(f"{leak.rate_objects_s:.3g} objects/s")
    return ", ".join(rates) or "little"


def _notes(notes: tuple[str, ...]) -> Iterator[str]:
    if notes:
        yield ""
        yield from notes


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL_WIDTH}}{text}"
