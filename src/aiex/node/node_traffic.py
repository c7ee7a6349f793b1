"""What the node's requests do while somebody analyzes, counted from events that are there anyway.

Outside of a look nothing is subscribed, so requests pay nothing for it.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import inf

from aiex.assistant import AttemptRetried, Outcome, RequestFinished, RequestShed
from aiex.engine import EngineDown
from aiex.events import EventBus
from aiex.node.health import Phase
from aiex.node.parts import Parts
from aiex.performance import Calls, Group, TargetNow, Traffic
from aiex.service import ServiceFailed

TOO_MANY = 429
# Keys, routes and targets that are told apart; what is beyond goes under one name.
GROUPS_MAX = 1000
OTHERS = "(others)"
# Of a client that left, and of limits: the request was not wrong.
NOT_WRONG = (TOO_MANY, 499)
# Of a group, what percentiles are of, and the error codes that are told.
TIMES_MAX = 5000
CODES_TOLD = 4


class NodeTraffic:
    """`parts` are asked for, since what is counted is built after who counts."""

    def __init__(self, bus: EventBus, parts: Callable[[], Parts]) -> None:
        self._bus = bus
        self._parts = parts
        self._sums = _Sums()

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._sums = sums = _Sums()
        with ExitStack() as stack:
            stack.enter_context(self._bus.listening(RequestFinished, sums.finished))
            stack.enter_context(self._bus.listening(RequestShed, sums.was_shed))
            stack.enter_context(self._bus.listening(AttemptRetried, sums.retried))
            stack.enter_context(self._bus.listening(ServiceFailed, sums.failed))
            stack.enter_context(self._bus.listening(EngineDown, sums.lost_engine))
            yield

    def traffic(self) -> Traffic:
        parts, sums = self._parts(), self._sums
        now_s = parts.targets.clock.monotonic_s()
        states = tuple(
            TargetNow(
                one.name,
                one.breaker.state.value,
                one.cap.in_flight,
                one.cap.queue_len,
                one.whole.latency_s(now_s),
            )
            for one in parts.targets.states()
        )
        return Traffic(
            uptime_s=parts.life.uptime_s,
            count=sums.count,
            in_flight=parts.api.in_flight_count,
            in_flight_max=parts.settings.api.in_flight_max,
            in_flight_keys=dict(parts.api.in_flight_by_key().most_common(GROUPS_MAX)),
            stream_count=parts.intake.stream_count,
            shed=dict(sums.shed),
            keys=sums.groups(sums.keys),
            routes=sums.groups(sums.routes),
            targets=sums.groups(sums.targets),
            calls=sums.calls(),
            states=states,
            models={
                model.name: tuple(f"{one.provider}/{one.model}" for one in model.targets)
                for model in parts.catalogue.models()
            },
            retries=sums.retries,
            is_engine_up=parts.engine.status().state == "up",
            engine_down_count=sums.engine_down_count,
            is_draining=parts.life.phase is not Phase.READY,
            failures=dict(sums.failures),
            restart_waits_s=dict(sums.restart_waits_s),
        )


class _Group:
    def __init__(self) -> None:
        self.count = self.error_count = self.refused_count = self.wrong_count = 0
        self.duration_us = self.provider_us = self.bytes = 0
        self.stream_count = self.stream_us = self.stream_tokens = self.broken_count = 0
        self.unanswered_count = 0
        self.codes: Counter[str] = Counter()
        self.header_us = array("Q")  # a list of numbers would look like a leak to the look itself

    def add(self, event: RequestFinished) -> None:
        status = event.status
        self.count += 1
        self.error_count += status >= 500
        # Limits of ours refuse before any target is looked at.
        self.refused_count += status == TOO_MANY and not event.attempts
        self.wrong_count += 400 <= status < 500 and status not in NOT_WRONG
        self.duration_us += event.duration_us
        self.provider_us += event.provider_us
        self.bytes += event.request_bytes
        self.unanswered_count += not event.provider_us
        if status >= 400:
            self.codes[event.error_code or str(status)] += 1
        elif event.outcome == "provider_failed":
            self.broken_count += 1
        elif event.is_stream and event.outcome == "ok":
            self.stream_count += 1
            self.stream_us += event.duration_us - event.first_byte_us
            self.stream_tokens += event.completion_tokens
        if event.provider_us and len(self.header_us) < TIMES_MAX:
            self.header_us.append(event.provider_us)

    def group(self) -> Group:
        return Group(
            self.count,
            self.error_count,
            self.refused_count,
            self.duration_us / 1e6,
            self.provider_us / 1e6,
            self.bytes,
            self.wrong_count,
            dict(self.codes.most_common(CODES_TOLD)),
            self.stream_count,
            self.stream_us / 1e6,
            self.stream_tokens,
            self.broken_count,
            self.unanswered_count,
        )

    def header_s(self, ratio: float) -> float:
        """The time that so many of the answers took less than; 0 when there were none."""
        times = sorted(self.header_us)
        return times[min(int(ratio * len(times)), len(times) - 1)] / 1e6 if times else 0.0


class _Sums:
    def __init__(self) -> None:
        self.count = self.retries = self.engine_down_count = 0
        self.shed: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.restart_waits_s: dict[str, float] = {}
        self.keys: dict[str, _Group] = {}
        self.routes: dict[str, _Group] = {}
        self.targets: dict[str, _Group] = {}
        self._outcomes: dict[str, Counter[str]] = {}

    def finished(self, event: RequestFinished) -> None:
        self.count += 1
        self._add(self.keys, event.key_id, event)
        self._add(self.routes, event.route, event)
        if event.target:
            self._add(self.targets, event.target, event)
        for one in event.attempts:
            if one.target in self._outcomes or len(self._outcomes) < GROUPS_MAX:
                self._outcomes.setdefault(one.target, Counter())[one.outcome.value] += 1

    def was_shed(self, event: RequestShed) -> None:
        self.shed[event.reason] += 1

    def retried(self, _: AttemptRetried) -> None:
        self.retries += 1

    def failed(self, event: ServiceFailed) -> None:
        self.failures[event.name] += 1
        wait_s = inf if event.restart_in_s is None else event.restart_in_s
        self.restart_waits_s[event.name] = max(wait_s, self.restart_waits_s.get(event.name, 0.0))

    def lost_engine(self, event: EngineDown) -> None:
        self.engine_down_count += not event.is_planned

    def calls(self) -> dict[str, Calls]:
        answered = self.targets
        return {
            name: Calls(
                sum(outcomes.values()),
                {one: count for one, count in outcomes.items() if one != Outcome.OK.value},
                answered[name].header_s(0.5) if name in answered else 0.0,
                answered[name].header_s(0.95) if name in answered else 0.0,
            )
            for name, outcomes in self._outcomes.items()
        }

    @staticmethod
    def groups(of: dict[str, _Group]) -> dict[str, Group]:
        return {name: one.group() for name, one in of.items()}

    @staticmethod
    def _add(of: dict[str, _Group], name: str, event: RequestFinished) -> None:
        group = of.get(name)
        if group is None:
            name = name if len(of) < GROUPS_MAX else OTHERS
            group = of.setdefault(name, _Group())
        group.add(event)
