"""What grows and is not let go of: by the watch that has looked for long, and by a look now."""

import sys
from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.rules.task_storm import STORM_PER_S_MIN, piling
from aiex.performance.analysis.spent import LOOKING, OF_THE_LOOP, own_service, spent
from aiex.performance.analysis.steady_growth import ends_by_itself, grows_steadily
from aiex.performance.memory import Leak, NativeSiteList, NativeTotal

# What a look of seconds must see to speak up: faster than anything a healthy node fills.
RATE_BYTES_S_MIN = 64 * 1024
RATE_OBJECTS_S_MIN = 20.0
# Files and threads are scarce; these come from nothing that ends.
SCARCE_S_MIN = 0.5
LOOK_CONFIDENCE_MIN = 0.3
# Resident memory as a whole breathes with requests, and a look tells less of it; so it has to grow
# by a megabyte a second at every look.
PROCESS_CONFIDENCE_MIN = 0.2
PROCESS_RATE_BYTES_S_MIN = 1024 * 1024
LIMIT_RATIO = 0.9
# Of all that was allocated while it was recorded and is still there.
ALLOCATED_SHARE_MIN = 0.3
# A pool fills up to a few dozen as work comes; more within seconds are no pool.
THREADS_GROWN_MIN = 10
# What a leak of the process as a whole is called.
PROCESS = "rss"
# A node freezes once at its start, and when it tunes its collector.
FROZEN_GROWN_MIN = 100
NATIVE_BYTES_MIN = 256 * 1024
FILES_MIN = 2
FILE_TYPES = ("_io:", "socket:", "ssl:", "tempfile:")


def leaks(evidence: Evidence) -> Iterator[Finding]:
    """One for each thing that grows; what both know is told once."""
    told: set[tuple[str, str]] = set()
    watched = evidence.memory_after.leaks if evidence.memory_after is not None else ()
    for leak in watched:
        told.add((leak.kind, leak.type))
        yield _finding(leak, leak.confidence, evidence)
    tasks = list(_task_leaks(evidence))
    has_tasks = bool(tasks) or any(ends_by_itself(row) for row, _ in piling(evidence))
    yield from tasks
    yield from _thread_leak(evidence)
    yield from _frozen_leak(evidence)
    for leak in evidence.growth.leaks if evidence.growth is not None else ():
        is_told = (leak.kind, leak.type) in told or (has_tasks and _is_of_tasks(leak))
        if is_told or not _speaks(leak, evidence):
            continue
        found = _finding(leak, min(0.9, 0.4 + leak.confidence), evidence)
        if not _is_the_loops(leak, found.function):
            yield found


def _is_the_loops(leak: Leak, function: str) -> bool:
    """What the loop keeps for nobody that is known, or for the node: timers breathe with requests.

    Of the node's own the watch tells, which looks for longer.
    """
    if function.startswith(OF_THE_LOOP):
        return function != leak.type
    return own_service(function) and any(one in leak.holder for one in OF_THE_LOOP)


def needs_allocations(evidence: Evidence) -> bool:
    """Whether something grows whose maker only a recording of allocations can tell."""
    return bool(frozen_grown(evidence)) or any(
        _speaks(leak, evidence)
        and not _blamed(leak, evidence)[0]
        and leak.kind not in ("threads", "files")
        for leak in (evidence.growth.leaks if evidence.growth is not None else ())
    )


def native_total(evidence: Evidence) -> NativeTotal | None:
    """By which of the process's totals that grows which no Python object explains; or None."""
    for leak in evidence.growth.leaks if evidence.growth is not None else ():
        if leak.type == PROCESS and _speaks(leak, evidence):
            return "resident" if leak.kind == "native" else "malloc"
    return None


def needs_openers(evidence: Evidence) -> bool:
    """Whether files stay open of which no object tells who opened them."""
    return any(
        leak.kind == "files" and _speaks(leak, evidence) and not _blamed(leak, evidence)[0]
        for leak in (evidence.growth.leaks if evidence.growth is not None else ())
    )


def _speaks(leak: Leak, evidence: Evidence) -> bool:
    if any(one in text for one in LOOKING for text in (leak.holder, leak.site, leak.type)):
        return False  # bounded, and filled by looking
    is_of_process = leak.type == PROCESS
    confidence_min = PROCESS_CONFIDENCE_MIN if is_of_process else LOOK_CONFIDENCE_MIN
    if leak.confidence < confidence_min or leak.kind == "fragments":
        return False
    if leak.kind == "threads":
        return False  # counted below
    if leak.kind == "files":
        return leak.rate_objects_s >= SCARCE_S_MIN
    if is_of_process:
        return leak.rate_bytes_s >= PROCESS_RATE_BYTES_S_MIN
    return leak.rate_bytes_s >= RATE_BYTES_S_MIN or leak.rate_objects_s >= RATE_OBJECTS_S_MIN


def _is_of_tasks(leak: Leak) -> bool:
    return leak.kind == "tasks" or "Task" in leak.type or leak.type.startswith("coroutine ")


def _task_leaks(evidence: Evidence) -> Iterator[Finding]:
    """Tasks that come steadily and do not go; what comes by the thousand is a storm."""
    fast = dict(_grown_fast(evidence))
    for row in evidence.census_after.rows if evidence.census_after is not None else ():
        rate = fast.get(row.key, row.growth_per_s)
        if row.key not in fast and not grows_steadily(row, evidence):
            continue
        grown = min(row.count, int(rate * evidence.seconds))
        waiting = max(row.waiting, key=lambda one: row.waiting[one], default="nothing")
        yield Finding(
            cause="leak",
            text=f"tasks: those of {row.key} never end: {row.count:,} now, {rate:+.0f} a second; "
            f"most wait for {waiting}.",
            function=row.key,
            service=max(row.services, key=lambda one: row.services[one], default=""),
            confidence=0.85,
            weight=0.4,
            cost="Each keeps its memory and all that it holds.",
            evidence=(
                f"{row.count - grown:,} at the beginning, {row.count:,} after "
                f"{evidence.seconds:.0f} s; the oldest is {row.oldest_age_s:.0f} s old.",
            ),
            advice="Await or cancel them, best in an asyncio.TaskGroup with a deadline.",
            commands=("aiex tasks", f"aiex tasks --coroutine {row.key}"),
        )


def _grown_fast(evidence: Evidence) -> Iterator[tuple[str, float]]:
    """Kinds of tasks that grew by hundreds within the window, and by how many a second."""
    for row, grown in piling(evidence):
        rate = grown / evidence.seconds
        if rate < STORM_PER_S_MIN and not ends_by_itself(row):
            yield row.key, rate


def _thread_leak(evidence: Evidence) -> Iterator[Finding]:
    """Threads are counted at both ends of the window."""
    before, after = evidence.memory_before, evidence.memory_after
    if before is None or after is None:
        return
    count = after.footprint.thread_count
    grown = count - before.footprint.thread_count
    if grown < THREADS_GROWN_MIN:
        return
    function, others = _thread_function(evidence)
    rate = grown / evidence.seconds
    yield Finding(
        cause="leak",
        text=f"threads: {rate:.1f} more a second, {count} now"
        + (f"; most are in {function}." if function else "."),
        function=function,
        also=others,
        service=_service_of(function, evidence),
        confidence=0.8,
        weight=0.4,
        cost="Each takes memory for its stack, and a place of the container's limit of processes.",
        evidence=(f"{count - grown} at the beginning, {count} after {evidence.seconds:.0f} s.",),
        advice="Use one pool with a bound (asyncio.to_thread), and join what is begun.",
        commands=("aiex memory", "aiex profile wall --seconds 10"),
    )


def frozen_grown(evidence: Evidence) -> int:
    """Objects that were put where the collector does not look, but not by its own tuning."""
    before, after = evidence.gc_before, evidence.gc_after
    if before is None or after is None or len(before.trials) != len(after.trials):
        return 0
    grown = after.frozen_objects - before.frozen_objects
    return grown if grown >= FROZEN_GROWN_MIN else 0


def _frozen_leak(evidence: Evidence) -> Iterator[Finding]:
    """Whatever refers to itself and is frozen stays for good."""
    grown = frozen_grown(evidence)
    if not grown:
        return
    makers = spent(evidence.allocations)
    first = makers[0] if makers else None
    function = first.frame.function if first is not None else ""
    yield Finding(
        cause="leak",
        text=f"cycles: {grown / evidence.seconds:,.0f} objects a second are frozen (gc.freeze), "
        "where the collector does not look" + (f"; most are made in {function}." if first else "."),
        function=function,
        also=first.callers if first is not None else (),
        service=_service_of(function, evidence),
        confidence=0.8,
        weight=0.4,
        cost="What refers to itself among them stays until the node ends.",
        evidence=(f"{grown:,} more objects are frozen after {evidence.seconds:.0f} s.",),
        advice="Freeze once, after the warm-up (`aiex gc tune` does), not where work is done.",
        commands=("aiex gc", "aiex gc reset"),
    )


def _service_of(function: str, evidence: Evidence) -> str:
    """Of the tasks of the same module; empty where there are none."""
    module = function.partition(":")[0]
    for row in evidence.census_after.rows if evidence.census_after is not None else ():
        if module and row.key.partition(":")[0] == module and row.services:
            return max(row.services, key=lambda one: row.services[one])
    return ""


def _finding(leak: Leak, confidence: float, evidence: Evidence) -> Finding:
    function, others = _blamed(leak, evidence)
    held = f", held by {leak.holder}" if leak.holder else ""
    made = f", made in {function}" if function else ""
    limit = (
        f"The limit is reached in {leak.limit_in_s / 60:.0f} min at this rate."
        if leak.limit_in_s is not None
        else "Memory grows until the process is ended."
    )
    owner = leak.holder.rpartition(" of ")[2]
    return Finding(
        cause="leak",
        text=f"{leak.kind}: {leak.type} grows by {_rate_text(leak)}{held}{made}.",
        function=function or owner or leak.type,
        also=tuple(dict.fromkeys(name for name in (*others, leak.type, owner) if name)),
        service=_service_of(function or owner, evidence),
        confidence=confidence,
        weight=min(0.7, 0.3 + leak.rate_bytes_s / (16 << 20)),
        cost=limit,
        evidence=(
            f"It grew by {leak.grown_bytes / 2**20:.1f} MiB, {leak.grown_objects:,.0f} objects, "
            f"within {leak.span_s:.0f} s.",
        ),
        advice=leak.advice,
        commands=tuple(dict.fromkeys(one for one in (leak.command, "aiex memory") if one)),
    )


def _blamed(leak: Leak, evidence: Evidence) -> tuple[str, tuple[str, ...]]:
    """The function that makes it, and others that may; empty where nothing tells."""
    own = _own_site(leak)
    if own:
        return own, ()
    if leak.kind == "threads":
        return _thread_function(evidence)
    if leak.kind == "files":
        for other in evidence.growth.leaks if evidence.growth is not None else ():
            if any(name in other.type for name in FILE_TYPES) and _own_site(other):
                return _own_site(other), (other.holder,)
        return _most_grown(evidence.openers, FILES_MIN), ()
    native = _most_grown(evidence.native, NATIVE_BYTES_MIN)
    if native and leak.type == PROCESS:
        return native, ()
    makers = spent(evidence.allocations)
    if makers and makers[0].seconds >= ALLOCATED_SHARE_MIN * sum(one.seconds for one in makers):
        return makers[0].frame.function, makers[0].callers
    return "", ()


def _most_grown(found: NativeSiteList | None, grown_min: int) -> str:
    """The function with most of what there is more of; empty where none has so much of it."""
    if found is None or not found.sites or found.grown <= 0:
        return ""
    first = found.sites[0]
    is_most = first.grown >= ALLOCATED_SHARE_MIN * found.grown
    return first.function if is_most and first.grown >= grown_min else ""


def _own_site(leak: Leak) -> str:
    """The first place that is not Python's library's; empty when there is none."""
    for site in leak.site.split(" or "):
        function = site.partition(" (")[0]
        if function and not is_library_name(function):
            return function
    return ""


def is_library_name(function: str) -> bool:
    return function.partition(":")[0].partition(".")[0] in sys.stdlib_module_names


def _thread_function(evidence: Evidence) -> tuple[str, tuple[str, ...]]:
    """What most threads were in, beside the main one."""
    found = spent(evidence.wall, lambda labels: labels.thread not in ("", "MainThread"))
    if not found:
        return "", ()
    return found[0].frame.function, found[0].callers


def _rate_text(leak: Leak) -> str:
    if leak.rate_bytes_s >= 1024:
        return f"{leak.rate_bytes_s / 1024:,.0f} KiB a second"
    return f"{leak.rate_objects_s:,.1f} a second"


def memory_limit(evidence: Evidence) -> Iterator[Finding]:
    """The container's limit is near."""
    state = evidence.memory_after
    if state is None or not state.limit.bytes:
        return
    ratio = state.limit.used_bytes / state.limit.bytes
    if ratio < LIMIT_RATIO or state.footprint.rss_bytes < state.limit.bytes / 2:
        return
    yield Finding(
        cause="memory_limit",
        text=f"The node has {ratio:.0%} of the memory its container may have.",
        confidence=0.9,
        weight=0.6,
        cost="At the limit the kernel ends the process.",
        evidence=(
            f"{state.limit.used_bytes / 2**20:,.0f} of {state.limit.bytes / 2**20:,.0f} MiB are "
            f"used, {state.footprint.rss_bytes / 2**20:,.0f} MiB by this process.",
        ),
        advice="See what has it, give back what is unused, or raise the limit.",
        commands=("aiex memory", "aiex memory trim", "aiex memory --types"),
    )
