"""What would make a node better: evidence in, proposals out. Pure.

Each proposes one change that can be taken back, says what speaks for it, the command, and the
metric that has to get better by it.
"""

import json
from collections.abc import Callable, Iterator, Sequence

import msgspec

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.loop_time import busy_ratio, is_late
from aiex.performance.analysis.recommendation import Metric
from aiex.performance.analysis.rules.busy_loop import BUSY_MIN
from aiex.performance.analysis.rules.collector import pause_s
from aiex.performance.analysis.traffic import Group

MIB = 1 << 20
# The collector proposes nothing before its own warm-up either.
WARM_UP_S = 60.0
GC_PAUSE_MS = 10.0
GC_SHARE = 0.02
# A pause is by the clock: where the loop waits for a CPU so much of the time, a collection does
# too, and tuning would be measured on the machine's other load.
STARVED_RATIO_MAX = 0.2
UNUSED_BYTES_MIN = 64 * MIB
UNUSED_RATIO_MIN = 0.2
LOG_SHARE_MIN = 0.05
FLOOD_SHARE_MIN = 0.6
# Below these a node has room for more requests at a time.
ROOM_BUSY_MAX = 0.6
REFUSED_RATIO_MIN = 0.2
ERROR_RATIO_MIN = 0.2
SLOW_TIMES = 5.0
SLOW_S_MIN = 1.0
THROTTLED_RATIO_MIN = 0.05
MEMORY_RATIO_MIN = 0.85
COUNTED_MIN = 20


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """`fact` is what the command changes, as it is now: once it differs, it was carried out."""

    id: str
    text: str
    evidence: tuple[str, ...]
    command: str
    expected: str
    metric: Metric
    fact: str = ""


type RecommendationRule = Callable[[Evidence], Iterator[Proposal]]


def tune_gc(evidence: Evidence) -> Iterator[Proposal]:
    """Pauses of the collector are long: freeze what lives, keep the oldest out of requests."""
    state = evidence.gc_after
    if state is None or evidence.uptime_s < WARM_UP_S or state.window.pause_max_ms < GC_PAUSE_MS:
        return
    if evidence.loop is not None and evidence.loop.window.starved_ratio > STARVED_RATIO_MAX:
        return
    share = pause_s(evidence) / evidence.seconds
    if share < GC_SHARE and state.window.pause_max_ms < 2 * GC_PAUSE_MS:
        return
    if state.is_oldest_deferred and state.frozen_objects:
        return
    yield Proposal(
        id="gc-tune",
        text="Tune the garbage collector: its longest pause stops every request in flight.",
        evidence=(
            f"Longest pause {state.window.pause_max_ms:.0f} ms, {share:.1%} of the time.",
            f"Thresholds {', '.join(map(str, state.thresholds))}, {state.frozen_objects:,} frozen.",
        ),
        command="aiex gc tune",
        expected="A shorter longest pause; each step is undone by itself if it is not.",
        metric="gc_pause_ms",
        fact=_gc_fact(evidence),
    )


def _gc_fact(evidence: Evidence) -> str:
    state = evidence.gc_after
    return f"{state.is_oldest_deferred} {len(state.trials)}" if state is not None else ""


def trim_memory(evidence: Evidence) -> Iterator[Proposal]:
    """malloc keeps much that nobody uses."""
    state = evidence.memory_after
    if state is None or state.footprint.rss_bytes == 0:
        return
    unused, rss = state.allocators.malloc_free_bytes, state.footprint.rss_bytes
    if unused < UNUSED_BYTES_MIN or unused < UNUSED_RATIO_MIN * rss:
        return
    yield Proposal(
        id="memory-trim",
        text=f"Give back {unused / MIB:.0f} MiB that malloc keeps and nobody uses.",
        evidence=(f"{unused / MIB:.0f} of {rss / MIB:.0f} MiB resident are free inside malloc.",),
        command="aiex memory trim",
        expected=f"Up to {unused / MIB:.0f} MiB less resident memory, at some milliseconds.",
        metric="rss_mib",
        fact=str(state.trim_count),
    )


def more_memory(evidence: Evidence) -> Iterator[Proposal]:
    """The limit is near, and nothing leaks."""
    state = evidence.memory_after
    if state is None or not state.limit.bytes or state.leaks:
        return
    ratio = state.limit.used_bytes / state.limit.bytes
    if ratio < MEMORY_RATIO_MIN or state.footprint.rss_bytes < state.limit.bytes / 2:
        return
    limit_mib = state.limit.bytes / MIB
    yield Proposal(
        id="memory-limit",
        text=f"Raise the container's memory limit: {ratio:.0%} of {limit_mib:.0f} MiB are used.",
        evidence=(f"Nothing is suspected to leak; {state.watched_s / 60:.0f} min were watched.",),
        command=f"helm upgrade aiex … --set resources.limits.memory={limit_mib * 1.5:.0f}Mi",
        expected="Room for bursts: at the limit the kernel ends the process.",
        metric="memory_ratio",
        fact=str(state.limit.bytes),
    )


def more_cpu(evidence: Evidence) -> Iterator[Proposal]:
    """The container's CPU limit throttles."""
    kernel = evidence.kernel
    if kernel.throttled_ratio < THROTTLED_RATIO_MIN or not kernel.cpu_limit:
        return
    yield Proposal(
        id="cpu-limit",
        text=f"Raise or remove the container's limit of {kernel.cpu_limit:g} CPUs.",
        evidence=(
            f"It throttled in {kernel.throttled_ratio:.0%} of its periods, "
            f"{kernel.throttled_s:.1f} s within {evidence.seconds:.0f} s.",
        ),
        command=f"helm upgrade aiex … --set resources.limits.cpu={kernel.cpu_limit * 2:g}",
        expected="No more waits of up to a tenth of a second each.",
        metric="throttled_ratio",
        fact=f"{kernel.cpu_limit:g}",
    )


def limit_key(evidence: Evidence) -> Iterator[Proposal]:
    """One key takes what others need, and is turned away by load instead of by a limit."""
    traffic = evidence.traffic
    shed = sum(traffic.shed.values())
    total = sum(one.count for one in traffic.keys.values())
    if not shed or total < COUNTED_MIN or len(traffic.keys) < 2:
        return
    key, most = max(traffic.keys.items(), key=lambda one: one[1].count)
    if not key or most.count < FLOOD_SHARE_MIN * total:
        return
    rest = (total - most.count) / evidence.seconds * 60
    yield Proposal(
        id=f"limit-key-{key}",
        text=f"Limit the key {key}: it sends {most.count / total:.0%} of all requests, and {shed} "
        "were turned away.",
        evidence=(
            f"{most.count:,} of {total:,} requests within {evidence.seconds:.0f} s are its.",
        ),
        command=f"aiex keys update {key} --requests-per-minute {max(60, int(rest))}",
        expected="Its requests beyond that are refused; others are turned away no more.",
        metric="shed_per_s",
    )


def raise_in_flight(evidence: Evidence) -> Iterator[Proposal]:
    """The door is shut by number, while the loop has time."""
    traffic = evidence.traffic
    by_number = traffic.shed.get("in_flight", 0)
    has_room = busy_ratio(evidence) < ROOM_BUSY_MAX and not is_late(evidence, 0.03)
    if by_number < COUNTED_MIN or not has_room:
        return
    yield Proposal(
        id="in-flight-max",
        text=f"Let more than {traffic.in_flight_max} requests in at a time: the node has room.",
        evidence=(
            f"{by_number} were turned away within {evidence.seconds:.0f} s; the loop was busy "
            f"{busy_ratio(evidence):.0%} of the time.",
        ),
        command=f"aiex serve --set api.in_flight_max={2 * traffic.in_flight_max}",
        expected="Fewer 503 at the same latency.",
        metric="shed_per_s",
        fact=str(traffic.in_flight_max),
    )


def raise_concurrency(evidence: Evidence) -> Iterator[Proposal]:
    """Requests wait for a place at a target that answers fast and without errors."""
    for state in evidence.traffic.states:
        group = evidence.traffic.targets.get(state.name)
        if group is None or group.count < COUNTED_MIN or state.queue_len < state.in_flight:
            continue
        if group.error_count or state.breaker != "closed" or not state.queue_len:
            continue
        provider = state.name.partition("/")[0]
        yield Proposal(
            id=f"concurrency-{provider}",
            text=f"Let more calls go to {provider} at a time: requests wait for a place at it.",
            evidence=(
                f"{state.queue_len} wait, {state.in_flight} are under way; {group.count} answers "
                f"within {evidence.seconds:.0f} s had no error.",
            ),
            command=f"aiex serve --set providers.{provider}.concurrency_max={2 * state.in_flight}",
            expected="A shorter queue at that target.",
            metric="queue_len",
        )


def avoid_target(evidence: Evidence) -> Iterator[Proposal]:
    """A target fails or is slow, and others are there."""
    targets = {
        name: one for name, one in evidence.traffic.targets.items() if one.count >= COUNTED_MIN
    }
    for model, names in evidence.traffic.models.items():
        for name in names:
            others = [targets[other] for other in names if other != name and other in targets]
            if name in targets and others:
                yield from _avoided(model, name, targets[name], others, evidence)


def _avoided(
    model: str, name: str, group: Group, others: Sequence[Group], evidence: Evidence
) -> Iterator[Proposal]:
    mean_s = group.provider_s / group.count
    usual_s = min(one.provider_s / one.count for one in others)
    is_failing = group.error_count >= ERROR_RATIO_MIN * group.count
    is_slow = mean_s >= max(SLOW_S_MIN, SLOW_TIMES * usual_s)
    if not (is_failing or is_slow):
        return
    weights = json.dumps({model: {name: 0}})
    yield Proposal(
        id=f"avoid-{model}-{name}",
        text=f"Send no requests for {model} to {name} for now: it "
        + ("fails." if is_failing else f"takes {mean_s:.1f} s."),
        evidence=(
            f"{group.error_count} of {group.count} failed within {evidence.seconds:.0f} s, "
            f"{mean_s:.2f} s each; the fastest other one takes {usual_s:.2f} s.",
        ),
        command=f"aiex hot set 'target_weights={weights}'",
        expected="The model's other targets answer; errors and latency fall.",
        metric="error_ratio" if is_failing else "latency_ms",
    )


def quieter_log(evidence: Evidence) -> Iterator[Proposal]:
    """The access log takes a part of the loop."""
    profile = evidence.cpu
    if profile is None or not profile.weight:
        return
    inside = {
        place
        for place, frame in enumerate(profile.frames)
        if frame.function.startswith(
            ("aiex.telemetry.log_writer:", "aiex.telemetry.telemetry:Tele")
        )
    }
    weight = sum(one.weight for one in profile.samples if inside & set(one.stack))
    share = weight / profile.weight * busy_ratio(evidence)
    if share < LOG_SHARE_MIN:
        return
    yield Proposal(
        id="access-log",
        text=f"Write no access log: it takes {share:.0%} of the loop's time.",
        evidence=(f"Of the CPU's samples {weight / profile.weight:.0%} were inside of it.",),
        command="aiex hot set access_log=false",
        expected=f"Up to {share:.0%} less of the loop's time; usage and metrics stay.",
        metric="busy_ratio",
    )


def more_nodes(evidence: Evidence) -> Iterator[Proposal]:
    """One loop is full of requests, and of nothing else."""
    if busy_ratio(evidence) < BUSY_MIN or not is_late(evidence, 0.03):
        return
    rate = evidence.traffic.count / evidence.seconds
    if rate < COUNTED_MIN:
        return
    yield Proposal(
        id="more-nodes",
        text=f"Add a node: one loop is busy {busy_ratio(evidence):.0%} of the time.",
        evidence=(f"{rate:.0f} requests a second, {evidence.traffic.in_flight} in flight.",),
        command="kubectl scale statefulset aiex --replicas=N",
        expected="The load is shared; the loop is in time again.",
        metric="lag_ms",
    )


RECOMMENDATION_RULES: tuple[RecommendationRule, ...] = (
    tune_gc,
    trim_memory,
    more_memory,
    more_cpu,
    limit_key,
    raise_in_flight,
    raise_concurrency,
    avoid_target,
    quieter_log,
    more_nodes,
)


def proposals(evidence: Evidence) -> list[Proposal]:
    """All that is proposed now."""
    return [one for rule in RECOMMENDATION_RULES for one in rule(evidence)]


def metric_value(metric: Metric, evidence: Evidence) -> float:
    """How the metric was within the window."""
    return _METRICS[metric](evidence)


def _lag_ms(evidence: Evidence) -> float:
    return evidence.loop.window.lag_s_mean * 1000 if evidence.loop is not None else 0.0


def _gc_pause_ms(evidence: Evidence) -> float:
    return evidence.gc_after.window.pause_max_ms if evidence.gc_after is not None else 0.0


def _rss_mib(evidence: Evidence) -> float:
    state = evidence.memory_after
    return state.footprint.rss_bytes / MIB if state is not None else 0.0


def _memory_ratio(evidence: Evidence) -> float:
    state = evidence.memory_after
    if state is None or not state.limit.bytes:
        return 0.0
    return state.limit.used_bytes / state.limit.bytes


def _error_ratio(evidence: Evidence) -> float:
    groups = evidence.traffic.routes.values()
    return sum(one.error_count for one in groups) / max(1, evidence.traffic.count)


def _latency_ms(evidence: Evidence) -> float:
    groups = evidence.traffic.routes.values()
    return sum(one.duration_s for one in groups) / max(1, evidence.traffic.count) * 1000


_METRICS: dict[Metric, Callable[[Evidence], float]] = {
    "lag_ms": _lag_ms,
    "gc_pause_ms": _gc_pause_ms,
    "rss_mib": _rss_mib,
    "memory_ratio": _memory_ratio,
    "busy_ratio": busy_ratio,
    "shed_per_s": lambda evidence: sum(evidence.traffic.shed.values()) / evidence.seconds,
    "error_ratio": _error_ratio,
    "latency_ms": _latency_ms,
    "queue_len": lambda evidence: float(sum(one.queue_len for one in evidence.traffic.states)),
    "throttled_ratio": lambda evidence: evidence.kernel.throttled_ratio,
}
