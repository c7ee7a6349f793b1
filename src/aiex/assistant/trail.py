"""One request's way through the gateway: filled in as it goes, told as an event at its end."""

from collections.abc import Callable
from time import perf_counter_ns

from aiex.assistant.account import Account, Hold
from aiex.assistant.attempted import Attempted, Outcome
from aiex.assistant.events import RequestFinished
from aiex.assistant.limit_headers import limit_headers
from aiex.assistant.usage import NO_USAGE, Usage
from aiex.money import usd_text

# A line of the access log tells of so many calls and targets passed over.
ATTEMPTS_TOLD_MAX = 16
# With `%`, since five fields of an f-string, each formatted by itself, take half as long again.
_SERVER_TIMING = "auth;dur=%.3f, parse;dur=%.3f, route;dur=%.3f, provider;dur=%.3f, total;dur=%.3f"


class Trail:
    """What is known of a request in progress. Times are `perf_counter_ns`, phases microseconds."""

    __slots__ = (
        "account",
        "at_s",
        "attempt_count",
        "attempts",
        "auth_us",
        "cost_nano_usd",
        "error_code",
        "first_byte_us",
        "has_lost_client",
        "held_bytes",
        "hold",
        "is_admitted",
        "is_leaving",
        "is_priced",
        "is_stream",
        "is_usage_estimated",
        "key_id",
        "method",
        "model",
        "outcome",
        "parse_us",
        "provider",
        "provider_us",
        "request_bytes",
        "request_id",
        "response_bytes",
        "route",
        "route_us",
        "started_ns",
        "status",
        "target",
        "trace_id",
        "traceparent",
        "usage",
    )

    def __init__(
        self,
        *,
        method: str,
        route: str,
        request_id: str,
        traceparent: str,
        at_s: float,
        is_leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self.started_ns = perf_counter_ns()
        self.at_s = at_s
        self.method = method
        self.route = route
        self.request_id = request_id
        self.traceparent = traceparent
        self.trace_id = traceparent[3:35]
        self.status = 0
        self.outcome = "ok"
        self.error_code = ""
        self.model = ""
        self.provider = ""
        self.target = ""
        self.key_id = ""
        self.is_leaving = is_leaving
        self.is_stream = False
        self.has_lost_client = False
        self.attempt_count = 0
        self.attempts: list[Attempted] = []
        self.parse_us = 0
        self.auth_us = 0
        self.route_us = 0
        self.provider_us = 0
        self.first_byte_us = 0
        self.request_bytes = 0
        self.held_bytes = 0  # of the body, as counted against what all may hold
        self.response_bytes = 0
        self.usage: Usage = NO_USAGE
        self.is_usage_estimated = False
        self.account: Account | None = None
        self.hold: Hold | None = None
        self.is_admitted = False  # let in, and not settled yet
        self.cost_nano_usd = 0
        self.is_priced = False

    @property
    def extra_headers(self) -> list[tuple[str, str]]:
        """What every responder appends: how the key's rates stand, and the cost once it is known.

        Read as late as possible, so that the headers are right when they go out. A node that stops
        gives its connections back with the answers: the next request on one it has closed by then
        would be lost.
        """
        headers = limit_headers(self.account.standing()) if self.account is not None else []
        if self.is_priced:
            headers.append(("x-aiex-cost", usd_text(self.cost_nano_usd)))
        if self.is_leaving():
            headers.append(("connection", "close"))
        return headers

    def elapsed_us(self) -> int:
        """Microseconds since the request came."""
        return (perf_counter_ns() - self.started_ns) // 1000

    def note(self, target: str, outcome: Outcome, took_s: float) -> None:
        """What became of a call, or why a target was passed over."""
        if len(self.attempts) < ATTEMPTS_TOLD_MAX:
            self.attempts.append(Attempted(target, outcome, int(took_s * 10_000) / 10))

    def server_timing(self) -> str:
        """The phases so far as a `Server-Timing` header, in milliseconds (W3C Server Timing)."""
        return _SERVER_TIMING % (
            self.auth_us / 1000,
            self.parse_us / 1000,
            self.route_us / 1000,
            self.provider_us / 1000,
            self.elapsed_us() / 1000,
        )

    def finished(self) -> RequestFinished:
        """The event that tells of this request."""
        usage = self.usage
        # By place, in the order of the event's fields: by name, 29 of them take a microsecond more.
        return RequestFinished(
            self.request_id,
            self.trace_id,
            self.method,
            self.route,
            self.status,
            self.outcome,
            self.error_code,
            self.model,
            self.provider,
            self.target,
            self.key_id,
            self.is_stream,
            self.attempt_count,
            self.at_s,
            self.elapsed_us(),
            self.parse_us,
            self.auth_us,
            self.route_us,
            self.provider_us,
            self.first_byte_us,
            self.request_bytes,
            self.response_bytes,
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.cached_tokens,
            usage.reasoning_tokens,
            self.is_usage_estimated,
            self.cost_nano_usd,
            tuple(self.attempts),
        )
