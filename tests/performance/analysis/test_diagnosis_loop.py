"""What holds the loop, or takes the interpreter from it: each cause, and what looks like it."""

from collections.abc import Sequence

import msgspec
import pytest

from aiex.performance import Finding, Frame, Labels
from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.analysis.evidence import Line
from aiex.performance.analysis.standing import Standing
from aiex.performance.loop import StallKind
from aiex.testing.evidence import (
    API,
    GUEST,
    RUN,
    SHOP,
    handler,
    healthy,
    holds,
    loop_state,
    profile,
    stall,
)

SETTLE = GUEST.function
AT = f"{GUEST.file}:{GUEST.line}"


def causes(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Of what does not follow from another."""
    return [(one.cause, one.function) for one in findings if not one.follows_from]


@pytest.mark.parametrize(
    ("kind", "calls", "cause"),
    [
        ("waits", ("time.sleep",), "blocking_call"),
        ("runs", (), "long_computation"),
        ("holds", ("zlib.compress",), "c_call"),
        ("stood_still", ("library.usleep",), "c_call"),
        ("holds", ("self._pattern.fullmatch",), "slow_regex"),
        ("runs", ("re.match",), "slow_regex"),
        ("holds", ("json.dumps",), "serialisation"),
    ],
)
def test_what_holds_the_loop_is_told_apart(
    kind: StallKind, calls: tuple[str, ...], cause: str
) -> None:
    evidence = healthy(holds=holds(*[stall(0.06, kind) for _ in range(6)]), lines={AT: Line(calls)})
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function, found.service) == (cause, SETTLE, "shop.orders")
    assert (found.file, found.line) == (GUEST.file, GUEST.line)
    assert RUN.function in found.also


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        (("time.sleep",), "sleeps"),
        (("subprocess.run",), "waits for a process"),
        (("own.recv",), "waits for a socket"),
        (("os.fsync",), "waits for a file"),
        (("self._lock.acquire",), "waits for a lock of a thread"),
        (("socket.getaddrinfo",), "waits for a name to be looked up"),
        (("cursor.execute",), "waits for a database"),
    ],
)
def test_a_wait_says_for_what(calls: tuple[str, ...], words: str) -> None:
    evidence = healthy(
        holds=holds(stall(0.3, "waits"), stall(0.3, "waits")), lines={AT: Line(calls)}
    )
    assert words in diagnosed(evidence)[0].text


def test_waits_too_short_for_a_stack_are_seen_by_the_threads_looks() -> None:
    thread = Labels(node="n1", thread="MainThread")
    evidence = healthy(
        loop=loop_state(busy=0.2, lag_s=0.035),
        wall=profile("wall", ((RUN, GUEST), thread, 2.5), ((RUN, GUEST), SHOP, 2.5)),
        lines={SETTLE: Line(("time.sleep",))},
    )
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function, found.service) == ("blocking_call", SETTLE, "shop.orders")


def test_a_function_with_a_large_part_of_a_late_loop_is_named() -> None:
    evidence = healthy(
        loop=loop_state(busy=0.95, lag_s=0.06), cpu=profile("cpu", ((RUN, GUEST), SHOP, 5.0))
    )
    assert causes(diagnosed(evidence)) == [("long_computation", SETTLE)]


def test_a_c_function_that_lets_no_signal_in_makes_few_and_heavy_samples() -> None:
    heavy = profile("cpu", ((RUN, GUEST), SHOP, 5.0))
    samples = tuple(msgspec.structs.replace(one, count=20) for one in heavy.samples)
    evidence = healthy(
        loop=loop_state(busy=0.95, lag_s=0.06), cpu=msgspec.structs.replace(heavy, samples=samples)
    )
    assert causes(diagnosed(evidence)) == [("c_call", SETTLE)]


def test_logging_is_blamed_on_who_logs() -> None:
    log = (RUN, GUEST, Frame("logging:Logger.info", "/usr/lib/python3.13/logging/__init__.py"))
    cpu = profile("cpu", (log, SHOP, 1.0), (handler(1), API, 3.0))
    assert causes(diagnosed(healthy(cpu=cpu))) == [("logging", SETTLE)]


def test_a_thread_that_computes_takes_the_interpreter() -> None:
    thread = Labels(node="n1", thread="cruncher")
    evidence = healthy(
        loop=loop_state(lag_s=0.02, mean_s=0.006),
        threads={"MainThread (1)": 5.0, "cruncher (9)": 4.0},
        wall=profile("wall", ((GUEST,), thread, 9.0)),
    )
    assert causes(diagnosed(evidence)) == [("competing_threads", SETTLE)]


def test_threads_that_stand_at_two_locks_are_a_deadlock() -> None:
    other = Frame("shop.stock:Stock.count", "/app/shop/stock.py", 30)
    evidence = healthy(
        standing=(Standing("one", (GUEST,)), Standing("two", (other,))),
        lines={AT: Line((), takes_lock=True), "/app/shop/stock.py:30": Line((), takes_lock=True)},
    )
    found = diagnosed(evidence)
    assert set(causes(found)) == {("deadlock", SETTLE), ("deadlock", other.function)}
    assert other.function in next(one for one in found if one.function == SETTLE).also


def test_threads_that_wait_for_anything_else_are_none() -> None:
    idle = Frame("concurrent.futures.thread:_worker", "/usr/lib/python3.13/concurrent/t.py", 9)
    evidence = healthy(
        standing=(Standing("pool", (idle,)), Standing("reader", (GUEST,))),
        lines={AT: Line(("connection.recv",))},
    )
    assert diagnosed(evidence) == ()


def test_a_thread_that_works_in_c_and_lets_go_is_no_fault() -> None:
    thread = Labels(node="n1", thread="cruncher")
    evidence = healthy(
        threads={"MainThread (1)": 5.0, "cruncher (9)": 9.0},
        wall=profile("wall", ((GUEST,), thread, 9.0)),
    )
    assert diagnosed(evidence) == ()


@pytest.mark.parametrize(
    ("kind", "function"),
    [("holds", "shop.orders:Orders.pack"), ("stood_still", "shop.orders:Orders.pack"),
     ("runs", SETTLE)],
)  # fmt: skip
def test_c_code_that_is_no_call_is_blamed_on_the_function_that_had_just_ended(
    kind: StallKind, function: str
) -> None:
    calls_own = Line(("self.pack",), callee="Orders.pack", callee_line=30)
    evidence = healthy(
        loop=loop_state(busy=0.6, lag_s=0.06),
        cpu=profile("cpu", ((RUN, GUEST), SHOP, 3.0)),
        holds=holds(*[stall(0.06, kind) for _ in range(6)]),
        lines={AT: calls_own},
    )
    (found,) = diagnosed(evidence)
    assert found.function == function


def test_a_wait_inside_a_client_library_is_blamed_on_who_called_it() -> None:
    client = Frame("requests.api:get", "/venv/lib/python3.13/site-packages/requests/api.py", 60)
    recv = Frame("socket:SocketIO.readinto", "/usr/lib/python3.13/socket.py", 700)
    stack = (RUN, GUEST, client, recv)
    evidence = healthy(holds=holds(*[stall(0.1, "waits", *stack) for _ in range(4)]))
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function) == ("blocking_call", SETTLE)
    assert "waits for a socket" in found.text


def test_a_method_called_search_that_waits_is_no_pattern() -> None:
    line = Line(("self._index.search",))
    waiting = healthy(holds=holds(*[stall(0.1, "waits") for _ in range(4)]), lines={AT: line})
    assert causes(diagnosed(waiting)) == [("blocking_call", SETTLE)]
    busy = healthy(holds=holds(*[stall(0.1, "holds") for _ in range(4)]), lines={AT: line})
    assert causes(diagnosed(busy)) == [("slow_regex", SETTLE)]


def test_what_computes_where_others_have_the_cpus_does_not_wait() -> None:
    thread = Labels(node="n1", thread="MainThread")
    evidence = healthy(
        loop=loop_state(busy=0.2, lag_s=0.035, starved=0.7),
        wall=profile("wall", ((RUN, GUEST), thread, 4.0)),
        cpu=profile("cpu", ((RUN, GUEST), SHOP, 1.5)),
    )
    assert "blocking_call" not in [one.cause for one in diagnosed(evidence)]


@pytest.mark.parametrize(("seconds", "is_told"), [(4.5, True), (2.0, False)])
def test_a_function_in_many_short_pieces_is_named_though_the_loop_is_in_time(
    seconds: float, *, is_told: bool
) -> None:
    evidence = healthy(cpu=profile("cpu", ((RUN, GUEST), SHOP, seconds)))
    assert causes(diagnosed(evidence)) == ([("long_computation", SETTLE)] if is_told else [])


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (("library.usleep",), [("c_call", SETTLE)]),
        (("time.sleep",), []),
        (("self._over.wait",), []),
    ],
)
def test_a_thread_that_waits_without_the_interpreter_has_not_kept_it(
    calls: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    found = [stall(0.3, "kept_out", RUN, GUEST, thread="worker") for _ in range(4)]
    evidence = healthy(holds=holds(*found), lines={AT: Line(calls)})
    assert causes(diagnosed(evidence)) == expected


@pytest.mark.parametrize(
    ("count", "starved", "is_told"), [(4, 0.05, True), (4, 0.4, False), (7, 0.4, True)]
)
def test_on_a_full_machine_it_takes_more_short_holds(
    count: int, starved: float, *, is_told: bool
) -> None:
    found = [stall(0.08) for _ in range(count)]
    evidence = healthy(loop=loop_state(starved=starved), holds=holds(*found))
    assert causes(diagnosed(evidence)) == ([("long_computation", SETTLE)] if is_told else [])


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (f"{SETTLE}.<locals>.<genexpr>", SETTLE),
        (f"{SETTLE}.<locals>.<lambda>.<locals>.<genexpr>", SETTLE),
        (f"{SETTLE}.<locals>.rate", f"{SETTLE}.<locals>.rate"),
    ],
)
def test_what_has_no_name_is_told_by_the_function_it_is_written_in(
    function: str, told: str
) -> None:
    inner = Frame(function, GUEST.file, GUEST.line)
    evidence = healthy(holds=holds(*[stall(0.1, "runs", RUN, GUEST, inner) for _ in range(4)]))
    assert causes(diagnosed(evidence)) == [("long_computation", told)]
