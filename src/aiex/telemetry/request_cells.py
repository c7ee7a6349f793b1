"""The cells that one kind of request counts in, looked up together.

Each alone takes a lookup by its own labels, seven for a chat: that costs a request two microseconds
more than one lookup for all of them.
"""

from typing import Final

from aiex.assistant import RequestFinished
from aiex.telemetry.cells import Count, Durations, Family

# Kinds remembered; the labels are bounded by the families themselves, whatever comes beyond.
KINDS_MAX: Final = 1000

type _Kind = tuple[str, int, str, str, str, bool]


class RequestCells:
    """Bound to one route, status, model, provider, outcome and way to answer."""

    __slots__ = ("_duration", "_families", "_kind", "_provider", "_requests", "_tokens")

    def __init__(self, families: "RequestFamilies", kind: _Kind) -> None:
        route, status, model, provider, outcome, is_stream = kind
        self._families = families
        self._kind = kind
        self._requests = families.requests.cell(route, str(status), model, provider, outcome)
        self._duration = families.durations.cell(route, "true" if is_stream else "false")
        # Bound when there is something to count: a cell that is there shows as a zero.
        self._provider: Durations | None = None
        self._tokens: tuple[Count, Count, Count, Count] | None = None

    def count(self, event: RequestFinished) -> None:
        """Count one request of this kind."""
        self._requests.value += 1
        self._duration.observe_us(event.duration_us)
        if event.provider_us:  # else no headers came: a dead provider is not a fast one
            cell = self._provider
            if cell is None:
                cell = self._provider = self._families.provider.cell(event.provider)
            cell.observe_us(event.provider_us)
        if event.prompt_tokens or event.completion_tokens:
            prompt, completion, cached, reasoning = self._tokens or self._bound_tokens()
            prompt.value += event.prompt_tokens
            completion.value += event.completion_tokens
            cached.value += event.cached_tokens
            reasoning.value += event.reasoning_tokens

    def _bound_tokens(self) -> tuple[Count, Count, Count, Count]:
        model, cell = self._kind[2], self._families.tokens.cell
        self._tokens = (
            cell(model, "prompt"),
            cell(model, "completion"),
            cell(model, "cached"),
            cell(model, "reasoning"),
        )
        return self._tokens


class RequestFamilies:
    """The metrics that every request counts in, and the cells of each kind that came so far."""

    def __init__(
        self,
        requests: Family[Count],
        durations: Family[Durations],
        provider: Family[Durations],
        tokens: Family[Count],
    ) -> None:
        self.requests = requests
        self.durations = durations
        self.provider = provider
        self.tokens = tokens
        self._known: dict[_Kind, RequestCells] = {}

    def of(self, event: RequestFinished) -> RequestCells:
        """The cells of the event's kind."""
        kind = (
            event.route,
            event.status,
            event.model,
            event.provider,
            event.outcome,
            event.is_stream,
        )
        known = self._known.get(kind)
        if known is None:
            known = RequestCells(self, kind)
            if len(self._known) < KINDS_MAX:
                self._known[kind] = known
        return known
