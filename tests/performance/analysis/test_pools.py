"""How many calls wait for the threads of a pool."""

import threading
from concurrent.futures import ThreadPoolExecutor

from aiex.performance.analysis.pools import Pool, pools, pools_now

THREADS = 2
CALLS = 5
TIMEOUT_S = 10.0


def work(begun: threading.Semaphore, end: threading.Event) -> None:
    begun.release()
    end.wait(TIMEOUT_S)


def named(name: str, found: tuple[Pool, ...]) -> list[Pool]:
    return [one for one in found if one.threads[0].startswith(name)]


def test_a_pool_tells_in_each_look_how_many_calls_wait() -> None:
    begun, end = threading.Semaphore(0), threading.Event()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="shop-work") as pool:
        for _ in range(THREADS):
            pool.submit(work, begun, end)
            assert begun.acquire(timeout=TIMEOUT_S)
        looks = [pools_now()]
        for _ in range(CALLS):
            pool.submit(work, begun, end)
        looks.append(pools_now())
        end.set()
    assert named("shop-work", pools(looks)) == [Pool(("shop-work_0", "shop-work_1"), (0, CALLS))]
    assert named("shop-work", pools([*looks, pools_now()])) == []


def test_no_looks_are_no_pools() -> None:
    assert pools([]) == ()
