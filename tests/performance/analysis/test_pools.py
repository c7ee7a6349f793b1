"""How a pool's threads are told from idle ones."""

import threading
from concurrent.futures import ThreadPoolExecutor

from aiex.performance.analysis.pools import Pool, pools, within
from aiex.performance.analysis.standing import places

THREADS = 2
CALLS = 5
TIMEOUT_S = 10.0


def work(begun: threading.Semaphore, end: threading.Event) -> None:
    begun.release()
    end.wait(TIMEOUT_S)


def found(name: str) -> dict[int, Pool]:
    return {key: one for key, one in pools(places()).items() if one.name == name}


def test_a_pool_tells_what_its_threads_do_and_how_many_calls_wait() -> None:
    begun, end = threading.Semaphore(0), threading.Event()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="shop-work") as pool:
        for _ in range(CALLS):
            pool.submit(work, begun, end)
        for _ in range(THREADS):
            assert begun.acquire(timeout=TIMEOUT_S)
        before = found("shop-work")
        (told,) = within(before, before)
        end.set()
    assert (told.thread_count, told.busy_count, told.queued) == (THREADS, THREADS, CALLS - THREADS)
    assert told.queued_before == CALLS - THREADS
    assert told.at == {f"{__name__}:work": THREADS}
    assert found("shop-work") == {}


def test_threads_without_work_are_idle() -> None:
    with ThreadPoolExecutor(1, thread_name_prefix="shop-idle") as pool:
        pool.submit(int).result(TIMEOUT_S)
        (told,) = found("shop-idle").values()
        assert (told.busy_count, told.queued) in {(0, 0), (1, 0)}  # it may just have given it back
