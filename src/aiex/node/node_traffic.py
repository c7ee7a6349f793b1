"""What the node's requests do while somebody analyzes, counted from events that are there anyway.

Outside of a look nothing is subscribed, so requests pay nothing for it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from aiex.assistant import AttemptRetried, RequestFinished, RequestShed
from aiex.events import EventBus
from aiex.node.health import Phase
from aiex.node.parts import Parts
from aiex.performance import Group, TargetNow, Traffic
from aiex.service import ServiceFailed

TOO_MANY = 429
# Keys, routes and targets that are told apart; what is beyond goes under one name.
GROUPS_MAX = 1000
OTHERS = "(others)"


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
            stream_count=parts.intake.stream_count,
            shed=dict(sums.shed),
            keys=sums.groups(sums.keys),
            routes=sums.groups(sums.routes),
            targets=sums.groups(sums.targets),
            states=states,
            models={
                model.name: tuple(f"{one.provider}/{one.model}" for one in model.targets)
                for model in parts.catalogue.models()
            },
            retries=sums.retries,
            is_engine_up=parts.engine.status().state == "up",
            is_draining=parts.life.phase is not Phase.READY,
            failures=dict(sums.failures),
        )


class _Group:
    __slots__ = ("bytes", "count", "duration_us", "error_count", "provider_us", "refused_count")

    def __init__(self) -> None:
        self.count = self.error_count = self.refused_count = 0
        self.duration_us = self.provider_us = self.bytes = 0


class _Sums:
    def __init__(self) -> None:
        self.count = self.retries = 0
        self.shed: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.keys: dict[str, _Group] = {}
        self.routes: dict[str, _Group] = {}
        self.targets: dict[str, _Group] = {}

    def finished(self, event: RequestFinished) -> None:
        self.count += 1
        self._add(self.keys, event.key_id, event)
        self._add(self.routes, event.route, event)
        if event.target:
            self._add(self.targets, event.target, event)

    def was_shed(self, event: RequestShed) -> None:
        self.shed[event.reason] += 1

    def retried(self, _: AttemptRetried) -> None:
        self.retries += 1

    def failed(self, event: ServiceFailed) -> None:
        self.failures[event.name] += 1

    @staticmethod
    def groups(of: dict[str, _Group]) -> dict[str, Group]:
        return {
            name: Group(
                one.count,
                one.error_count,
                one.refused_count,
                one.duration_us / 1e6,
                one.provider_us / 1e6,
                one.bytes,
            )
            for name, one in of.items()
        }

    @staticmethod
    def _add(of: dict[str, _Group], name: str, event: RequestFinished) -> None:
        group = of.get(name)
        if group is None:
            name = name if len(of) < GROUPS_MAX else OTHERS
            group = of.setdefault(name, _Group())
        group.count += 1
        group.error_count += event.status >= 500
        group.refused_count += event.status == TOO_MANY
        group.duration_us += event.duration_us
        group.provider_us += event.provider_us
        group.bytes += event.request_bytes
