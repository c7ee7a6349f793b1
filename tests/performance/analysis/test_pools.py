"""A pool whose threads are all taken in every look is told; one that catches up is not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from aiex.performance import Frame, Labels
from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.analysis.pools import Pool, PoolNow, pools, pools_now
from aiex.testing.evidence import GUEST, RUN, SHOP, healthy, profile

TO_THREAD = Frame("asyncio.threads:to_thread", "/usr/lib/python3.13/asyncio/threads.py")
THREADS = ("asyncio_0", "asyncio_1")


def test_what_waits_for_a_thread_is_counted() -> None:
    let_go, is_taken = threading.Event(), threading.Event()

    def take() -> None:
        is_taken.set()
        let_go.wait()

    with ThreadPoolExecutor(1, thread_name_prefix="till") as pool:
        pool.submit(take)
        waiting = [pool.submit(int) for _ in range(3)]
        assert is_taken.wait(5)
        looks = [pools_now(), pools_now()]
        let_go.set()
        assert [one.result(5) for one in waiting] == [0, 0, 0]
        looks.append(pools_now())
    assert Pool(("till_0",), (3, 3)) in pools(looks[:2])
    assert Pool(("till_0",), (3, 3, 0)) in pools(looks)


def test_a_pool_that_is_gone_is_left_out() -> None:
    assert pools([{1: PoolNow(THREADS, 9)}, {}]) == ()
    assert pools([]) == ()


@pytest.mark.parametrize(
    ("threads", "waiting", "is_told"),
    [
        (THREADS, (40,) * 8, True),
        (THREADS, (1,) * 8, False),
        (THREADS, (40,) * 2, False),
        (("till_0", "till_1"), (80, 60, 40, 20), False),
        (("till_0", "till_1"), (20, 40, 60, 80), True),
    ],
    ids=["full", "catches up", "hardly looked at", "own, works it off", "own, has ever more"],
)
def test_a_pool_is_full_when_as_much_waits_as_there_are_threads(
    threads: tuple[str, ...], waiting: tuple[int, ...], *, is_told: bool
) -> None:
    samples = [((GUEST,), Labels(node="n1", thread=name), 9.0) for name in threads]
    asking = ((RUN, TO_THREAD), SHOP, 9.0)
    evidence = healthy(pools=(Pool(threads, waiting),), wall=profile("wall", *samples, asking))
    found = diagnosed(evidence)
    told = [(one.cause, one.function, one.service) for one in found]
    assert told == ([("full_pool", GUEST.function, "shop.orders")] if is_told else [])
