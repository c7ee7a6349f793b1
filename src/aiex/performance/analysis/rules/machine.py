"""What is not in this process: the container's limits, the machine, the engine."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence, held_up
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.loop_time import is_held_up
from aiex.performance.analysis.neighbours import Neighbour

# Of the limit's periods (a tenth of a second each): more than these and requests feel it.
THROTTLED_RATIO_MIN = 0.1
THROTTLED_S_MIN = 0.3
# Of the window the loop was ready and had no CPU, and that late on average. A machine that also
# makes the load, or runs a build beside, comes to a third; the node copes with that.
STARVED_RATIO_MIN = 0.5
STARVED_LATE_S = 0.05
# Pages from disk within the window, with memory swapped out: not the start of a program.
MAJOR_FAULTS_MIN = 200
# Stalls that waited for memory, together; one alone may be a start, or a file read for once.
PAGED_S_MIN = 0.5
# What comes and goes has gone more than once within the window.
OFTEN = 2


def throttled(evidence: Evidence) -> Iterator[Finding]:
    kernel = evidence.kernel
    if kernel.throttled_ratio < THROTTLED_RATIO_MIN or kernel.throttled_s < THROTTLED_S_MIN:
        return
    yield Finding(
        cause="throttled",
        text=f"The container's CPU limit ({kernel.cpu_limit:g} CPUs) keeps the node waiting.",
        confidence=0.9,
        weight=min(0.9, kernel.throttled_ratio),
        cost=f"It had to wait in {kernel.throttled_ratio:.0%} of the limit's periods.",
        evidence=(
            f"Throttled for {kernel.throttled_s:.1f} s within {evidence.seconds:.0f} s; it used "
            f"{kernel.cpu_s:.1f} s of CPU.",
        ),
        advice="Raise the CPU limit of the container, or have none: a request is enough to be "
        "scheduled by.",
        commands=("kubectl describe pod", "aiex loop"),
    )


def starved(evidence: Evidence) -> Iterator[Finding]:
    """Others have the CPUs; nothing in the process is to blame."""
    span = evidence.loop.window if evidence.loop is not None else None
    if span is None or list(throttled(evidence)):
        return
    if span.starved_ratio < STARVED_RATIO_MIN or span.lag_s_mean < STARVED_LATE_S:
        return
    own = evidence.kernel.cpu_s / evidence.seconds
    if own > 0.75 * evidence.kernel.cpu_count:
        return  # its own threads have them
    has_own = bool(evidence.neighbours) and evidence.neighbours[0].is_own
    who = "Processes that the node itself began" if has_own else "Other processes of the machine"
    yield Finding(
        cause="starved",
        text=f"{who} have the CPUs: the loop is ready and has to wait.",
        confidence=0.8,
        weight=0.3 * span.starved_ratio,  # what is in the process comes first
        cost=f"{span.starved_ratio:.0%} of the time the loop waited for a CPU.",
        evidence=(
            f"The machine's {evidence.kernel.cpu_count} CPUs were busy "
            f"{evidence.kernel.machine_busy_ratio:.0%} of the time, this process used {own:.2f}.",
            *(_neighbour_text(one, evidence) for one in evidence.neighbours),
        ),
        advice="Begin fewer at a time, and with a lower priority (os.nice in the child)."
        if has_own
        else "Move what else runs there, or give the node a CPU request.",
        commands=("aiex loop", "aiex status"),
    )


def _neighbour_text(one: Neighbour, evidence: Evidence) -> str:
    began = ", begun by this node," if one.is_own else ""
    return f"{one.name} (process {one.pid}){began} used {one.cpu_s / evidence.seconds:.2f} CPUs."


def swapped(evidence: Evidence) -> Iterator[Finding]:
    """Pages of a file that is mapped may be the ones, so without swap only stalls tell."""
    kernel = evidence.kernel
    paged = [one for one in held_up(evidence) if one.kind == "paging"]
    paged_s = sum(one.seconds for one in paged)
    if paged_s >= PAGED_S_MIN:
        yield Finding(
            cause="swapped",
            text="The loop stands still while memory comes from disc, or is being freed for it.",
            confidence=0.85,
            weight=min(0.9, paged_s / evidence.seconds),
            cost=f"{paged_s / evidence.seconds:.0%} of the time nothing else of the node went on.",
            evidence=(
                f"{len(paged)} stalls, {paged_s:.2f} s together. {paged[-1].detail}",
                f"{kernel.swap_bytes / 2**20:.0f} MiB of the process are swapped out.",
            ),
            advice="Give the machine or the container more memory, or have the node use less.",
            commands=("aiex memory", "aiex loop --stalls"),
        )
        return
    if kernel.major_faults < MAJOR_FAULTS_MIN or not kernel.swap_bytes:
        return
    yield Finding(
        cause="swapped",
        text="Memory of the process is swapped out and has to come back from disk.",
        confidence=0.85,
        weight=0.6,
        cost=f"{kernel.major_faults / evidence.seconds:.0f} waits for the disk a second.",
        evidence=(
            f"{kernel.major_faults} pages came from disk within {evidence.seconds:.0f} s; "
            f"{kernel.swap_bytes / 2**20:.0f} MiB are swapped out.",
        ),
        advice="Give the machine or the container more memory, or have the node use less.",
        commands=("aiex memory",),
    )


def engine_away(evidence: Evidence) -> Iterator[Finding]:
    """On a loop that is held up its answers run out of time; only what lasts is the engine's then.

    Once gone and up again is a change of its leader, or a restart.
    """
    traffic = evidence.traffic
    is_lasting = not traffic.is_engine_up and not traffic.engine_down_count
    is_unsteady = not traffic.is_engine_up or traffic.engine_down_count >= OFTEN
    if not (is_lasting or (is_unsteady and not is_held_up(evidence))):
        return
    yield Finding(
        cause="engine_away",
        text="The engine (NATS) "
        + ("comes and goes" if traffic.is_engine_up else "does not answer")
        + ": what needs state waits or fails.",
        service="engine.connection",
        confidence=0.95,
        weight=0.9,
        cost="Keys, conversations, limits and hot values are as they were when it went.",
        evidence=(
            f"It went {traffic.engine_down_count} times within {evidence.seconds:.0f} s, and is "
            f"{'up again' if traffic.is_engine_up else 'down'}."
            if traffic.engine_down_count
            else f"The connection to the engine was down for all of {evidence.seconds:.0f} s.",
        ),
        advice="See what the engine says of itself.",
        commands=("aiex status", "aiex cluster explain"),
    )
