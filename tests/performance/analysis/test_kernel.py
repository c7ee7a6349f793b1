"""What the kernel counts, read from files as it writes them."""

from pathlib import Path

import pytest

from aiex.performance.analysis.kernel import KernelCounts, kernel_counts

STAT = "1 (a) b) S 1 1 1 0 -1 4194560 100 0 {faults} 0 5 5 0 0 20 0 1 0 1 1 1"


def made(root: Path, *, throttled_us: int, periods: int, faults: int, idle: int) -> KernelCounts:
    proc, cgroup = root / "proc", root / "cgroup"
    (proc / "self").mkdir(parents=True, exist_ok=True)
    cgroup.mkdir(exist_ok=True)
    (proc / "self" / "stat").write_text(STAT.format(faults=faults))
    (proc / "self" / "status").write_text("VmSwap:\t    2048 kB\n")
    (proc / "self" / "cgroup").write_text("0::/\n")
    (proc / "stat").write_text(f"cpu  1000 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3 4\n")
    (cgroup / "cpu.stat").write_text(
        f"usage_usec 5\nnr_periods {periods}\nnr_throttled {periods // 2}\n"
        f"throttled_usec {throttled_us}\n"
    )
    (cgroup / "cpu.max").write_text("50000 100000\n")
    return kernel_counts(proc, cgroup)


def test_two_readings_tell_what_happened_between(tmp_path: Path) -> None:
    before = made(tmp_path, throttled_us=0, periods=0, faults=1, idle=1000)
    after = made(tmp_path, throttled_us=3_000_000, periods=100, faults=401, idle=1000)
    kernel = before.until(after._replace(machine_ticks=before.machine_ticks + 100))
    assert kernel.throttled_s == 3.0
    assert kernel.throttled_ratio == 0.5
    assert kernel.cpu_limit == 0.5
    assert kernel.major_faults == 400
    assert kernel.swap_bytes == 2048 * 1024
    assert kernel.machine_busy_ratio == 1.0


def test_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    counts = kernel_counts(tmp_path / "proc", tmp_path / "cgroup")
    kernel = counts.until(counts)
    assert (kernel.throttled_s, kernel.cpu_limit, kernel.major_faults) == (0.0, 0.0, 0)
    assert kernel.machine_busy_ratio == 0.0


def test_this_machine_can_be_read() -> None:
    counts = kernel_counts()
    assert counts.until(counts._replace(cpu_s=counts.cpu_s + 1)).cpu_s == pytest.approx(1.0)
