"""The process's threads, as /proc tells them."""

import threading
import time
from pathlib import Path

from aiex.performance.threads import ThreadCpu, threads


async def test_a_python_thread_is_told_by_its_name_with_the_cpu_it_used() -> None:
    is_over = threading.Event()

    def busy() -> None:
        end_s = time.thread_time() + 0.05
        while time.thread_time() < end_s:
            pass
        burnt.set()
        is_over.wait(10)

    burnt = threading.Event()
    worker = threading.Thread(target=busy, name="worker of the test")
    worker.start()
    try:
        assert burnt.wait(10)
        (found,) = [one for one in threads() if one.name == worker.name]
        assert (found.id, found.is_python) == (worker.native_id, True)
        assert 0.03 <= found.cpu_s <= 0.2
        assert (await ThreadCpu().values())[f"{worker.name} ({worker.native_id})"] >= 0.03
    finally:
        is_over.set()
        worker.join()


def test_a_thread_that_is_not_pythons_goes_by_the_kernels_name(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    numbers = " ".join(["S", *["0"] * 10, "150", "50", *["0"] * 30])
    (tmp_path / "7" / "stat").write_text(f"7 (tokio (rt) 1) {numbers}\n")
    (tmp_path / "8").mkdir()  # ended meanwhile
    (found,) = threads(tmp_path)
    assert (found.name, found.id, found.is_python) == ("tokio (rt) 1", 7, False)
    assert found.cpu_s > 0


def test_where_the_kernel_does_not_tell_there_are_none(tmp_path: Path) -> None:
    assert threads(tmp_path / "none") == []
