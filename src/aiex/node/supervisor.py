"""A supervisor: starts services in order, restarts those that end, stops them in reverse order.

It is a service itself, so supervisors nest: one that gives up is a service that failed.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from random import Random

from aiex.clock import Clock
from aiex.errors import RestartIntensityExceeded, StartTimeout, SupervisionError
from aiex.events import Emit
from aiex.node.supervision import (
    Backoff,
    Child,
    Intensity,
    Record,
    Restart,
    ServiceState,
    Strategy,
    affected,
    error_text,
    may_restart,
)
from aiex.service import (
    IntensityExceeded,
    Ready,
    ServiceAbandoned,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)
from aiex.work import Work, current_work


class StartFailed(SupervisionError):
    """A service could not be started."""


class SiblingEnded(SupervisionError):
    """While one service was starting, another that runs already ended."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position


class Supervisor:
    """Looks after `children` by the rules of `aiex.node.supervision`.

    Restarts happen one after another, as in OTP: while one child waits for its turn, another that
    ended waits too. Children that should not wait for each other get supervisors of their own.
    One thing is not as in OTP: where children share their fate, one that is being restarted stops
    waiting to be ready when an earlier one ends; otherwise it could wait for what is dead.
    """

    def __init__(
        self,
        name: str,
        children: Sequence[Child],
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: Intensity = Intensity(),  # noqa: B008 - frozen
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self.name = name
        self._strategy = strategy
        self._intensity = intensity
        self._backoff = backoff
        self._clock = clock
        self._random = random
        self._emit = emit
        self._records = [Record(child) for child in children]
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._restarts_at_s: tuple[float, ...] = ()
        self._state = "stopped"
        self._since_s = 0.0

    async def run(self, ready: Ready) -> None:
        """Run the children until cancelled.

        Raises `StartFailed` when one does not start, `RestartIntensityExceeded` when they fail too
        often; all children are stopped by then.
        """
        self._restarts_at_s = ()
        for record in self._records:
            record.is_gone = False
        self._become("starting")
        try:
            await self._start_all()
            self._become("running")
            ready()
            while True:
                await self._restart(await self._ended())
        finally:
            self._become("stopping")
            await self._stop(range(len(self._records)))
            self._become("stopped")

    def state(self) -> ServiceState:
        """This supervisor and everything below it, as it is now."""
        return ServiceState(
            name=self.name,
            kind="supervisor",
            state=self._state,
            restart_count=sum(record.restart_count for record in self._records),
            last_error="",
            since_s=self._since_s,
            strategy=self._strategy.value,
            children=tuple(_state(record) for record in self._records),
        )

    async def _start_all(self) -> None:
        for position, record in enumerate(self._records):
            try:
                await self._start(position)
            except Exception as error:
                self._note_failure(record, error, restart_in_s=None)
                raise StartFailed(f"{record.child.service.name} did not start: {error}") from error

    async def _start(self, position: int, *, heeds: Sequence[int] = ()) -> None:
        """Start one child and wait until it is ready.

        Raises what ended it before that, and `SiblingEnded` when one of `heeds` ends meanwhile.
        """
        record = self._records[position]
        child = record.child
        ready = asyncio.Event()
        self._note(record, "starting")
        whose = copy_context()
        whose.run(current_work.set, Work(child.service.name))
        task = asyncio.create_task(
            child.service.run(ready.set), name=child.service.name, context=whose
        )
        self._tasks[position] = task
        siblings = {self._tasks[other]: other for other in heeds if other in self._tasks}
        await self._wait_until_ready(child, task, ready, siblings)
        record.started_s = self._clock.monotonic_s()
        self._note(record, "running")
        self._emit(ServiceStarted(child.service.name, record.restart_count))

    async def _wait_until_ready(
        self,
        child: Child,
        task: "asyncio.Task[None]",
        ready: asyncio.Event,
        siblings: Mapping["asyncio.Task[None]", int],
    ) -> None:
        is_ready = asyncio.create_task(ready.wait())
        is_late = asyncio.create_task(self._clock.sleep(child.start_timeout_s))
        try:
            await asyncio.wait(
                {task, is_ready, is_late, *siblings}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            await _discard(is_ready, is_late)
        if ready.is_set():
            return
        for sibling, position in siblings.items():
            if sibling.done():
                raise SiblingEnded(position)
        if task.done():
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
            raise SupervisionError(f"{child.service.name} ended before it was ready.")
        raise StartTimeout(
            f"{child.service.name} was not ready within {child.start_timeout_s:g} s."
        )

    async def _ended(self) -> int:
        """The position of the next child that ended by itself, earliest in start order."""
        while True:
            if not self._tasks:
                # Nothing left to look after: a supervisor without children runs until cancelled.
                await asyncio.get_running_loop().create_future()
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
            for position in sorted(self._tasks):
                if self._tasks[position].done():
                    return position

    async def _restart(self, position: int) -> None:
        """Deal with a child that ended, and with those that share its fate."""
        record = self._records[position]
        error = _outcome(self._tasks.pop(position))
        if not may_restart(record.child.restart, has_failed=error is not None):
            self._note_end(record, error)
            return
        while True:
            group = affected(self._strategy, position, len(self._records))
            delay_s = self._delay_s(record)
            self._note_failure(record, error, restart_in_s=delay_s)
            self._count_restart()
            await self._stop(group)
            self._note(record, "backing off")
            await self._clock.sleep(delay_s)
            failed = await self._start_group(group, record)
            if failed is None:
                return
            position, error = failed
            # A sibling that does not start is a failure of its own, with a group of its own.
            record = self._records[position]

    async def _start_group(
        self, group: Iterable[int], restarted: Record
    ) -> tuple[int, BaseException | None] | None:
        """Start the children of a group in order; the first to be restarted instead, and why."""
        for position in group:
            record = self._records[position]
            if record.is_gone:
                continue
            if record is restarted:
                record.restart_count += 1
            try:
                await self._start(position, heeds=self._restarted_when_ended(position))
            except SiblingEnded as ended:
                await self._stop(range(position, position + 1))
                return ended.position, _outcome(self._tasks.pop(ended.position))
            except Exception as error:  # noqa: BLE001 - whatever it was, it counts as a restart
                await self._stop(range(position, position + 1))
                return position, error
        return None

    def _restarted_when_ended(self, position: int) -> list[int]:
        """The earlier children that a later one may depend on, and with which it is restarted."""
        if self._strategy is Strategy.ONE_FOR_ONE:
            return []
        return [
            earlier
            for earlier in range(position)
            if self._records[earlier].child.restart is Restart.PERMANENT
        ]

    def _delay_s(self, record: Record) -> float:
        ran_s = self._clock.monotonic_s() - record.started_s
        if record.state == "running" and ran_s >= self._backoff.forgiven_after_s:
            record.failure_count = 0
        record.failure_count += 1
        return self._backoff.delay_s(record.failure_count, self._random)

    def _count_restart(self) -> None:
        self._restarts_at_s, is_too_often = self._intensity.after_restart(
            self._restarts_at_s, self._clock.monotonic_s()
        )
        if is_too_often:
            count, within_s = len(self._restarts_at_s), self._intensity.within_s
            self._emit(IntensityExceeded(self.name, count, within_s))
            raise RestartIntensityExceeded(
                f"The services of {self.name} failed {count} times within {within_s:g} s; "
                f"the last error: {self._last_error()}"
            )

    def _last_error(self) -> str:
        errors = [record for record in self._records if record.last_error]
        return max(errors, key=lambda record: record.since_s).last_error if errors else "none"

    async def _stop(self, positions: Sequence[int]) -> None:
        """Stop children in reverse start order, each within its own deadline."""
        for position in reversed(positions):
            task = self._tasks.pop(position, None)
            if task is not None:
                await self._stop_one(self._records[position], task)

    async def _stop_one(self, record: Record, task: "asyncio.Task[None]") -> None:
        child = record.child
        self._note(record, "stopping")
        task.cancel()
        limit_s = child.stop_limit_s
        is_late = asyncio.create_task(self._clock.sleep(limit_s))
        try:
            await asyncio.wait({task, is_late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _discard(is_late)
        if not task.done():
            self._note(record, "failed")
            self._emit(ServiceAbandoned(child.service.name, limit_s))
            return
        record.is_gone = child.restart is Restart.TEMPORARY
        error = None if task.cancelled() else task.exception()
        if error is not None:
            record.last_error = error_text(error)
        self._note(record, "stopped")
        self._emit(ServiceStopped(child.service.name))

    def _note_end(self, record: Record, error: BaseException | None) -> None:
        record.is_gone = record.child.restart is Restart.TEMPORARY
        if error is None:
            self._note(record, "stopped")
            self._emit(ServiceStopped(record.child.service.name))
        else:
            self._note_failure(record, error, restart_in_s=None)

    def _note_failure(
        self, record: Record, error: BaseException | None, *, restart_in_s: float | None
    ) -> None:
        record.last_error = error_text(error)
        self._note(record, "failed")
        self._emit(ServiceFailed(record.child.service.name, record.last_error, restart_in_s))

    def _note(self, record: Record, state: str) -> None:
        record.state = state
        record.since_s = self._clock.wall_s()

    def _become(self, state: str) -> None:
        self._state = state
        self._since_s = self._clock.wall_s()


def _outcome(task: "asyncio.Task[None]") -> BaseException | None:
    """How a task that is done ended; None when it returned."""
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def _discard(*tasks: "asyncio.Task[object]") -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task})


def _state(record: Record) -> ServiceState:
    service = record.child.service
    if isinstance(service, Supervisor):
        below = service.state()
        return ServiceState(
            name=service.name,
            kind="supervisor",
            state=record.state,
            restart_count=record.restart_count,
            last_error=record.last_error,
            since_s=record.since_s,
            strategy=below.strategy,
            children=below.children,
        )
    return ServiceState(
        name=service.name,
        kind="service",
        state=record.state,
        restart_count=record.restart_count,
        last_error=record.last_error,
        since_s=record.since_s,
        pid=getattr(service, "pid", None),
    )
