"""One loaded run and its verdict: CPU of a gateway's process tree for each answer it gave.

A run in which anything else than the gateway was the limit, or in which an answer was wrong, is
refused: its numbers would say nothing about the gateway.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rig.cores import Cores
from rig.errors import Refused
from rig.figures import Figure
from rig.gateways import Gateway
from rig.load import Load, Report, build, finish_load, load_command, start_load
from rig.machine import CACHE
from rig.processes import CpuTime, awake_s, cpu_time, rival, rss_mb, tree
from rig.upstream import answered_count, upstream

# A program with nothing to do for less than this share of the time may have been the limit.
HEADROOM_RATIO_MIN = 0.10
# A tenth of the tightest goal for a latency, which is 10 ms.
LAG_US_MAX = 1000
# Where clients give up, a generator that is late by less than this share of their patience
# changes nothing.
LAG_OF_DEADLINE_MAX = 0.01
# Other programs of the machine may take the driving core for a moment; not three times in a row.
ATTEMPTS = 3
MEMORY_EVERY_S = 0.1


class LimitReached(Refused):
    """The driving side was the limit in this run; another one may do better."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run showed. Memory is the highest seen in the run, in MB by process id."""

    report: Report
    cpu: CpuTime  # of the whole tree
    root_cpu: CpuTime  # of its first process alone
    headroom: "Headroom"
    busy_ratio: float  # share of its core the gateway used
    memory_mb: Mapping[int, float]

    @property
    def cpu_us(self) -> float:
        return self.cpu.total_s * 1e6 / self.report.completed


@dataclass(frozen=True, slots=True)
class Headroom:
    """Shares of the time, 0 to 1, in which the driving programs had nothing to do.

    A program that waits for its core, because another one has it, has something to do.
    """

    generator_ratio: float
    upstream_ratio: float

    @property
    def least_ratio(self) -> float:
        return min(self.generator_ratio, self.upstream_ratio)


def judge(report: Report, headroom: Headroom, load: Load, *, upstream_answered: int) -> None:
    """Raises `Refused` when the run shows nothing, `LimitReached` when another one might."""
    if report.failed or not (report.completed or load.deadline_s):
        raise Refused(f"{report.failed} answers were wrong or missing, {report.completed} right")
    # An answer that comes after its client gave up has cost a call too.
    expected = report.completed if load.asks_upstream else 0
    if upstream_answered < expected or (upstream_answered > expected and not load.deadline_s):
        raise Refused(f"{report.completed} answers cost {upstream_answered} calls of the upstream")
    if headroom.upstream_ratio < HEADROOM_RATIO_MIN:
        raise LimitReached(f"the upstream {_had_no_room(headroom.upstream_ratio)}")
    # A generator that keeps a schedule is no limit, however little it rests in between.
    if load.rate_per_s:
        lag_us_max = max(LAG_US_MAX, LAG_OF_DEADLINE_MAX * load.deadline_s * 1e6)
        if report.lag_p99_us > lag_us_max:
            raise LimitReached(
                f"the load generator sent requests {report.lag_p99_us} us late (p99)"
            )
    elif headroom.generator_ratio < HEADROOM_RATIO_MIN:
        raise LimitReached(f"the load generator {_had_no_room(headroom.generator_ratio)}")


def _had_no_room(ratio: float) -> str:
    return (
        f"had nothing to do for only {ratio:.0%} of the time; below {HEADROOM_RATIO_MIN:.0%} it "
        "may have been the limit"
    )


@dataclass(frozen=True, slots=True)
class Bench:
    """The fixed part of all runs: who drives, from where, and who answers in the end."""

    generator: Path
    cores: Cores
    upstream: Gateway
    retry_until: float  # on the monotonic clock; afterwards the first attempt decides

    def warm_up(self, gateway: Gateway, load: Load) -> Report:
        """The report of a run that counts for nothing; raises `Refused` when answers fail."""
        report = self._drive(gateway, load).report
        if report.failed or not report.completed:
            raise Refused(f"{gateway.name}: {report.failed} answers were wrong or missing")
        return report

    def run(self, gateway: Gateway, load: Load) -> Sample:
        """A sample worth printing; raises `Refused` when there was none in a few attempts."""
        for _ in range(ATTEMPTS - 1):
            if time.monotonic() > self.retry_until:
                break
            with contextlib.suppress(LimitReached):
                return self._judged(gateway, load)
        return self._judged(gateway, load)

    def _judged(self, gateway: Gateway, load: Load) -> Sample:
        answered_before = answered_count(self.upstream.port)
        sample = self._drive(gateway, load)
        answered = answered_count(self.upstream.port) - answered_before
        try:
            judge(
                sample.report,
                sample.headroom,
                load,
                upstream_answered=answered,
            )
        except Refused as refusal:
            raise type(refusal)(f"{gateway.name}: {refusal}") from refusal
        return sample

    def _drive(self, gateway: Gateway, load: Load) -> Sample:
        command = load_command(self.generator, self.cores.generator, gateway.port, load)
        before = self._reading(gateway)
        with rival(self.cores.measured) if load.has_rival else contextlib.nullcontext():
            generator = start_load(command)
            try:
                memory_mb = _memory_until_done(generator, gateway.pid, load)
                report = finish_load(generator, load)
            finally:
                generator.kill()  # does nothing once it has ended
        after = self._reading(gateway)
        took_s = after.at_s - before.at_s
        return Sample(
            report=report,
            cpu=after.gateway - before.gateway,
            root_cpu=after.gateway_root - before.gateway_root,
            headroom=Headroom(
                generator_ratio=1 - report.awake_us / 1e6 / report.seconds,
                upstream_ratio=1 - (after.upstream_awake_s - before.upstream_awake_s) / took_s,
            ),
            busy_ratio=(after.gateway - before.gateway).total_s / took_s,
            memory_mb=memory_mb,
        )

    def _reading(self, gateway: Gateway) -> "_Reading":
        return _Reading(
            at_s=time.monotonic(),
            gateway=cpu_time(tree(gateway.pid)),
            gateway_root=cpu_time((gateway.pid,)),
            upstream_awake_s=awake_s(self.upstream.pid),
        )


@dataclass(frozen=True, slots=True)
class _Reading:
    """All clocks at one moment."""

    at_s: float
    gateway: CpuTime
    gateway_root: CpuTime
    upstream_awake_s: float


def _memory_until_done(
    generator: "subprocess.Popen[str]", pid: int, load: Load
) -> Mapping[int, float]:
    """The most memory each process of the tree had while the generator ran."""
    peaks: dict[int, float] = {}
    # Half the time at most, so that a generator that hangs is `finish_load`'s to deal with.
    give_up_at = time.monotonic() + 2 * load.seconds + 5.0
    while generator.poll() is None and time.monotonic() < give_up_at:
        for member in tree(pid):
            try:
                peaks[member] = max(peaks.get(member, 0.0), rss_mb(member))
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended since the tree was read
        time.sleep(MEMORY_EVERY_S)
    return peaks


@dataclass(frozen=True, slots=True)
class Rounds:
    """Samples of several gateways, taken in turns; a gateway that was refused has a reason."""

    samples: Mapping[str, Sequence[Sample]]
    refusals: Mapping[str, str] = field(default_factory=dict)

    def figure(self, name: str, gateways: Sequence[str], compute: Callable[..., float]) -> Figure:
        """`compute` of the samples of `gateways` in each round; refused if any of them was."""
        reasons = [self.refusals[gateway] for gateway in gateways if gateway in self.refusals]
        if reasons:
            return Figure(name, refusal="; ".join(reasons))
        rounds = zip(*(self.samples[gateway] for gateway in gateways), strict=True)
        return Figure(name, tuple(compute(*samples) for samples in rounds))


def take_turns(bench: Bench, loads: Sequence[tuple[Gateway, Load]], rounds: int) -> Rounds:
    """`rounds` times one sample of each gateway, A B C A B C: slow changes of the machine hit all.

    A gateway that is refused once takes no further turn.
    """
    samples: dict[str, list[Sample]] = {gateway.name: [] for gateway, _ in loads}
    refusals: dict[str, str] = {}
    for _ in range(rounds):
        for gateway, load in loads:
            if gateway.name in refusals:
                continue
            try:
                samples[gateway.name].append(bench.run(gateway, load))
            except Refused as refusal:
                refusals[gateway.name] = str(refusal)
    return Rounds(samples, refusals)


@contextlib.contextmanager
def ready_bench(cores: Cores, directory: Path, *, retry_s: float) -> Iterator[Bench]:
    """Generator and upstream, there until the block ends; disturbed runs are repeated until then.

    Raises `RigError` when they cannot be built or do not come up.
    """
    with upstream(build("upstream", CACHE), cores.upstream, directory) as provider:
        yield Bench(build("load", CACHE), cores, provider, time.monotonic() + retry_s)
