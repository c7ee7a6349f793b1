"""What the process as a whole has more of: threads, files, memory that nothing else explains."""

from collections.abc import Sequence

from aiex.performance.memory.advice import advice
from aiex.performance.memory.composition import BLOCK_BYTES, Composition, unexplained_kind
from aiex.performance.memory.growth import look_confidence, only_grew
from aiex.performance.memory.leak import Leak, LeakKind
from aiex.performance.memory.requests import Point

RSS_GROWN_MIN = 4 << 20
FILES_GROWN_MIN = 5


def counted_leaks(points: Sequence[Point], seconds: float) -> list[Leak]:
    """Threads and files, of which there were never fewer."""
    leaks = []
    counted: tuple[tuple[LeakKind, list[float], int], ...] = (
        ("threads", [float(one.thread_count) for one in points], 3),
        ("files", [float(one.open_file_count) for one in points], FILES_GROWN_MIN),
    )
    for kind, values, grown_min in counted:
        grown = only_grew(values, grown_min)
        if grown is not None:
            text, command = advice(kind)
            confidence = look_confidence(
                grown.steadiness, seconds, grown.grown / max(values[0], 1.0)
            )
            leaks.append(
                Leak(
                    kind,
                    kind,
                    rate_objects_s=grown.grown / seconds,
                    grown_objects=grown.grown,
                    span_s=seconds,
                    confidence=confidence,
                    advice=text,
                    command=command,
                )
            )
    return leaks


def native_leaks(points: Sequence[Point], seconds: float, explained_bytes: float) -> list[Leak]:
    """Resident memory that grew at every look, and nothing of the above explains."""
    first, last = points[0], points[-1]
    grown = only_grew([float(one.rss_bytes) for one in points], RSS_GROWN_MIN)
    if grown is None:
        return []
    composition = Composition(
        grown.grown,
        (last.python_blocks - first.python_blocks) * BLOCK_BYTES,
        last.malloc_used_bytes - first.malloc_used_bytes,
        last.malloc_free_bytes - first.malloc_free_bytes,
    )
    kind = unexplained_kind(composition, explained_bytes)
    if kind is None:
        return []
    text, command = advice(kind)
    confidence = look_confidence(grown.steadiness, seconds, grown.grown / first.rss_bytes)
    return [
        Leak(
            kind,
            "rss",
            rate_bytes_s=grown.grown / seconds,
            grown_bytes=grown.grown,
            span_s=seconds,
            confidence=confidence,
            advice=text,
            command=command,
        )
    ]
