"""More is put into a queue than is taken out."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence, Line
from aiex.performance.analysis.finding import Finding
from aiex.performance.tasks import CensusRow, QueueRow

# Items that came and stayed within the window; a queue that breathes does not grow by as many.
GROWN_MIN = 50
GROWN_RATIO_MIN = 0.15


def queue_growth(evidence: Evidence) -> Iterator[Finding]:
    """By the place where the queue lives; the node's own queues to targets are others' to tell."""
    if evidence.census_before is None or evidence.census_after is None:
        return
    before = {row.place: row for row in evidence.census_before.queues}
    for row in evidence.census_after.queues:
        first = before.get(row.place)
        grown = row.length - (first.length if first is not None else 0)
        is_growing = grown >= GROWN_MIN and grown >= GROWN_RATIO_MIN * row.length
        is_stuck = row.is_bounded and row.room == 0 and row.putters > 0 and row.length > 0
        was_stuck = first is not None and first.room == 0 and first.putters > 0
        if is_growing or (is_stuck and was_stuck and not _is_hopeless(row, evidence)):
            yield _finding(row, grown, evidence)


def _is_hopeless(row: QueueRow, evidence: Evidence) -> bool:
    """Whether nobody is left to take from it, which is told as such.

    A variable has another name in each function: then the module and who stands before it tell.
    """
    for one in evidence.waits.waits if evidence.waits is not None else ():
        told = f"{one.waits_for} {one.text}"
        is_same = one.count == row.putters and f"{_module(row.place)}:" in told
        if one.because != "held" and (f"({row.place})" in told or is_same):
            return True
    return False


def _finding(row: QueueRow, grown: int, evidence: Evidence) -> Finding:
    consumers = _consumers(evidence, row)
    state = (
        f"grows by {grown / evidence.seconds:,.0f} a second and has {row.length:,}"
        if grown > 0
        else f"is full with {row.length:,}, and {row.putters} tasks wait to put more"
    )
    holder = row.place.rpartition(".")[0] or row.place
    return Finding(
        cause="queue_growth",
        text=f"The queue {row.place} {state}: what takes from it is slower than what puts in.",
        function=consumers[0] if consumers else row.place,
        also=tuple(dict.fromkeys([row.place, *consumers[1:], holder])),
        service=_service(evidence, holder),
        confidence=0.85,
        weight=0.4,
        cost="What is put in now is seen to that much later, and memory grows with it.",
        evidence=(
            f"{row.place}: {row.length - grown:,} at the beginning, {row.length:,} after "
            f"{evidence.seconds:.0f} s; {row.getters} tasks wait to take, {row.putters} to put.",
        ),
        advice="Give it a bound and let who puts in wait, drop what is too old, or take out with "
        "more tasks.",
        commands=("aiex tasks", f"aiex tasks --coroutine {consumers[0] if consumers else holder}"),
    )


def _module(name: str) -> str:
    """Of `pkg.mod:Class._queue`, or of `queue in pkg.mod:function`."""
    return name.partition(":")[0].rpartition(" ")[2]


def _consumers(evidence: Evidence, row: QueueRow) -> list[str]:
    """Coroutines of the same module: who takes out first, who puts in, then the others.

    Of those who take, the ones that do not wait for something to come have it in hand.
    """
    rows = evidence.census_after.rows if evidence.census_after is not None else ()
    near = [one for one in rows if _module(one.key) == _module(row.place)]

    def order(one: CensusRow) -> tuple[int, float]:
        is_idle = one.waiting.get("queue get", 0) / max(1, one.count)
        return _part(evidence.lines.get(one.key, Line())), is_idle

    return [one.key for one in sorted(near, key=order)][:4]


def _part(line: Line) -> int:
    names = {call.rpartition(".")[2] for call in line.calls}
    if names & {"get", "get_nowait"}:
        return 0
    return 1 if names & {"put", "put_nowait"} else 2


def _service(evidence: Evidence, holder: str) -> str:
    rows = evidence.census_after.rows if evidence.census_after is not None else ()
    for one in rows:
        if _module(one.key) == _module(holder) and one.services:
            return max(one.services, key=lambda name: one.services[name])
    return ""
