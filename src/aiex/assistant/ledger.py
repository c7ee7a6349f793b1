"""Usage by key and model, added up in memory for each minute, hour and month until it is written.

A page holds what this node counted in one span of time, as totals and not as differences: writing
it twice is the same as writing it once. Money spent this month is kept beside the pages, since
every request with a budget asks for it.

Limits: a page has at most `ROWS_MAX` rows, further models are counted together as `other`; pages
that wait for the engine have at most `WAITING_ROWS_MAX` rows, then the oldest minutes and hours are
given up, never a month.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import msgspec

from aiex.assistant.usage import Usage

ROWS_MAX: Final = 2_000
WAITING_ROWS_MAX: Final = 50_000
OTHER: Final = "other"

_log = logging.getLogger("aiex.assistant.usage")


class Span(Enum):
    """How long a page's time is."""

    MINUTE = "minutes"
    HOUR = "hours"
    MONTH = "months"

    def at(self, wall_s: float) -> int:
        """The number of the minute, hour or month (UTC) that `wall_s` is in."""
        match self:
            case Span.MINUTE:
                return int(wall_s // 60)
            case Span.HOUR:
                return int(wall_s // 3600)
        day = datetime.fromtimestamp(wall_s, UTC)
        return day.year * 12 + day.month - 1


class UsageRow(msgspec.Struct, frozen=True, array_like=True):
    """What one key used of one model; cached tokens are part of the prompt's."""

    key_id: str
    model: str
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano_usd: int = 0


class Tally:
    """Counts that grow."""

    __slots__ = (
        "cached_tokens",
        "completion_tokens",
        "cost_nano_usd",
        "failures",
        "prompt_tokens",
        "reasoning_tokens",
        "requests",
    )

    def __init__(self) -> None:
        self.requests = self.failures = 0
        self.prompt_tokens = self.completion_tokens = 0
        self.cached_tokens = self.reasoning_tokens = 0
        self.cost_nano_usd = 0

    def add(self, other: "Tally | UsageRow") -> None:
        self.requests += other.requests
        self.failures += other.failures
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.cached_tokens += other.cached_tokens
        self.reasoning_tokens += other.reasoning_tokens
        self.cost_nano_usd += other.cost_nano_usd

    def subtract(self, other: UsageRow) -> None:
        self.requests -= other.requests
        self.failures -= other.failures
        self.prompt_tokens -= other.prompt_tokens
        self.completion_tokens -= other.completion_tokens
        self.cached_tokens -= other.cached_tokens
        self.reasoning_tokens -= other.reasoning_tokens
        self.cost_nano_usd -= other.cost_nano_usd

    def row(self, key_id: str, model: str) -> UsageRow:
        return UsageRow(
            key_id,
            model,
            self.requests,
            self.failures,
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
            self.reasoning_tokens,
            self.cost_nano_usd,
        )


type Tallies = dict[tuple[str, str], Tally]


class Page:
    """One span's totals. `is_dirty` until written, `is_based` once it holds what was there before
    this process began. `sequence` is that of its row when it was last written or read."""

    __slots__ = ("at", "is_based", "is_dirty", "sequence", "tallies", "written")

    def __init__(self, at: int) -> None:
        self.at = at
        self.tallies: Tallies = {}
        self.is_dirty = False
        self.is_based = False
        self.sequence = 0
        self.written: tuple[UsageRow, ...] = ()

    def rows(self) -> tuple[UsageRow, ...]:
        return tuple(tally.row(*names) for names, tally in self.tallies.items())

    def add(self, names: tuple[str, str], more: Tally | UsageRow) -> None:
        tally_of(self.tallies, names).add(more)
        self.is_dirty = True

    def base(self, rows: Iterable[UsageRow], sequence: int = 0) -> None:
        """Add what an earlier process of this node had written."""
        for row in rows:
            tally_of(self.tallies, (row.key_id, row.model)).add(row)
        self.is_based, self.sequence, self.written = True, sequence, tuple(rows)

    def meet(self, rows: tuple[UsageRow, ...], sequence: int) -> None:
        """It was written, though nobody heard of it."""
        self.sequence, self.written = sequence, rows

    def begin_anew(self) -> None:
        """What was written is kept elsewhere by now: hold only what came since."""
        for row in self.written:
            self.tallies[row.key_id, row.model].subtract(row)
        self.sequence, self.written = 0, ()


class Ledger:
    """Adds up requests; the bookkeeper writes its pages."""

    def __init__(self, wall_s: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self._fresh: Tallies = {}
        self._fresh_minute = 0
        self._pages: dict[Span, dict[int, Page]] = {span: {} for span in Span}
        self._own: dict[str, int] = {}  # spent this month, counted here
        self._others: dict[str, int] = {}  # and by other nodes, as far as was heard
        self._is_own_known = False
        self._month = 0
        self._month_begins_s = self._month_ends_s = 0.0

    def add(
        self, key_id: str, model: str, usage: Usage, cost_nano_usd: int, *, is_failure: bool
    ) -> None:
        """Count one request, now."""
        wall_s = self._wall_s()
        minute = int(wall_s) // 60
        if minute != self._fresh_minute:
            self.fold()
            self._fresh_minute = minute
        tally = self._fresh.get((key_id, model)) or tally_of(self._fresh, (key_id, model))
        tally.requests += 1
        if is_failure:
            tally.failures += 1
        tally.prompt_tokens += usage.prompt_tokens
        tally.completion_tokens += usage.completion_tokens
        if usage.cached_tokens:
            tally.cached_tokens += usage.cached_tokens
        if usage.reasoning_tokens:
            tally.reasoning_tokens += usage.reasoning_tokens
        if cost_nano_usd:
            tally.cost_nano_usd += cost_nano_usd
            if wall_s >= self._month_ends_s:
                self._turn_month(wall_s)
            self._own[key_id] = self._own.get(key_id, 0) + cost_nano_usd

    @property
    def month(self) -> int:
        """The number of the month that is now."""
        self._turn_month(self._wall_s())
        return self._month

    def spent_nano_usd(self, key_id: str) -> int:
        """What the key spent in the month that is now, on other nodes as far as is known."""
        self._turn_month(self._wall_s())
        return self._own.get(key_id, 0) + self._others.get(key_id, 0)

    def own_nano_usd(self, key_id: str) -> int | None:
        """What it spent on this node; None while what an earlier process counted is not known."""
        if not self._is_own_known:
            return None
        wall_s = self._wall_s()
        if not self._month_begins_s <= wall_s < self._month_ends_s:
            self._turn_month(wall_s)
        return self._own.get(key_id, 0)

    def month_left_s(self) -> float:
        wall_s = self._wall_s()
        self._turn_month(wall_s)
        return self._month_ends_s - wall_s

    def begin_with(self, month: int, rows: Iterable[UsageRow]) -> None:
        """Count what earlier processes of this node spent in a month; once."""
        self._turn_month(self._wall_s())
        self._is_own_known = True
        if month == self._month:
            add_spent(self._own, rows)

    def others_spent(self, month: int, spent: dict[str, int]) -> None:
        """What other nodes spent in a month until now, by key."""
        self._turn_month(self._wall_s())
        if month == self._month:
            self._others = spent

    def page(self, span: Span, at: int) -> Page:
        """The page of a span, made when it is missing."""
        pages = self._pages[span]
        return pages.get(at) or pages.setdefault(at, Page(at))

    def fold(self) -> None:
        """Bring what was added since the last time to the pages."""
        fresh, self._fresh = self._fresh, {}
        if not fresh:
            return
        wall_s = self._fresh_minute * 60
        for span in Span:
            page = self.page(span, span.at(wall_s))
            for names, tally in fresh.items():
                page.add(names, tally)
        self._give_up_oldest(Span.MINUTE)
        self._give_up_oldest(Span.HOUR)

    def dirty_pages(self, span: Span) -> list[Page]:
        """The pages to write, oldest first."""
        pages = self._pages[span]
        return [pages[at] for at in sorted(pages) if pages[at].is_dirty]

    def forget_written(self) -> None:
        """Let go of pages that are written and whose time is over."""
        wall_s = self._wall_s()
        for span, pages in self._pages.items():
            now = span.at(wall_s)
            for at in [at for at, page in pages.items() if not page.is_dirty and at < now]:
                del pages[at]

    def _give_up_oldest(self, span: Span) -> None:
        pages = self._pages[span]
        row_count = sum(len(page.tallies) for page in pages.values())
        while row_count > WAITING_ROWS_MAX and len(pages) > 1:
            oldest = pages.pop(min(pages))
            row_count -= len(oldest.tallies)
            if oldest.is_dirty:
                _log.warning(
                    "the usage of one %s is given up, since too much waits for the engine; "
                    "longer spans still count it",
                    span.name.lower(),
                )

    def _turn_month(self, wall_s: float) -> None:
        if self._month_begins_s <= wall_s < self._month_ends_s:
            return
        self._month = Span.MONTH.at(wall_s)
        self._month_begins_s = _month_begins_s(self._month)
        self._month_ends_s = _month_begins_s(self._month + 1)
        page = self._pages[Span.MONTH].get(self._month)
        self._own, self._others = {}, {}
        # Only a clock that was set back finds a page here.
        if page is not None:
            add_spent(self._own, page.rows())


def tally_of(tallies: Tallies, names: tuple[str, str]) -> Tally:
    """The tally under these names; beyond `ROWS_MAX` that of the key's other models."""
    tally = tallies.get(names)
    if tally is None:
        if len(tallies) >= ROWS_MAX:
            names = (names[0], OTHER)
        tally = tallies.setdefault(names, Tally())
    return tally


def add_spent(spent: dict[str, int], rows: Iterable[UsageRow]) -> None:
    """Add what the rows cost to what each key spent."""
    for row in rows:
        spent[row.key_id] = spent.get(row.key_id, 0) + row.cost_nano_usd


def _month_begins_s(month: int) -> float:
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()
