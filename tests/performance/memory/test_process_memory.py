"""What the kernel and malloc say, the limits of cgroups, and giving back."""

import ctypes
import mmap
import os
import platform
from pathlib import Path

import pytest

from aiex.performance.memory.cgroup import ASSUMED_BYTES_MIN, memory_limit
from aiex.performance.memory.footprint import footprint, full_footprint, resident_bytes
from aiex.performance.memory.malloc import Malloc, process_malloc
from aiex.performance.memory.process_memory import NO_MALLOC, ProcessMemory, room_bytes
from aiex.performance.memory.requests import Limit
from aiex.performance.memory.trim import FREE_BYTES_MIN, TrimRule, trim_memory, trimmed_text

MIB = 1 << 20
on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc")


def test_a_footprint_of_this_process_is_what_it_is() -> None:
    before = footprint()
    ballast = mmap.mmap(-1, 32 * MIB)  # malloc may have some of it from before
    ballast.write(os.urandom(32) * MIB)
    grown, full = footprint(), full_footprint()
    assert 24 * MIB < grown.rss_bytes - before.rss_bytes < 64 * MIB
    assert 0 < full.uss_bytes <= full.rss_bytes
    assert 0 < full.file_bytes < full.rss_bytes - 24 * MIB  # the ballast is of no file
    assert grown.thread_count >= 1
    assert grown.open_file_count >= 3
    ballast.close()


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert resident_bytes(tmp_path) == 0
    assert full_footprint(tmp_path).rss_bytes == 0


def group(directory: Path, **files: str | int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(f"{text}\n")


def test_the_tightest_limit_of_cgroup_v2_counts(tmp_path: Path) -> None:
    mount, own = tmp_path / "mount", tmp_path / "own"
    own.write_text("0::/pods/one\n")
    group(mount, cgroup__controllers="memory")
    group(mount / "pods", memory__max=100 * MIB, memory__current=70 * MIB)
    group(
        mount / "pods/one",
        memory__max=200 * MIB,
        memory__current=60 * MIB,
        memory__stat=f"anon 5\ninactive_file {20 * MIB}",
    )
    assert memory_limit(mount, own) == Limit("cgroup v2", 100 * MIB, 70 * MIB, ASSUMED_BYTES_MIN)
    (mount / "pods/memory.max").write_text("max\n")
    assert memory_limit(mount, own).used_bytes == 40 * MIB  # but for files it can drop


def test_cgroup_v1_is_read_too(tmp_path: Path) -> None:
    mount, own = tmp_path / "mount", tmp_path / "own"
    own.write_text("3:cpu,cpuacct:/x\n5:memory:/docker/abc\n")
    # In a container the path is the host's, and its own group is at the mount's root.
    group(mount / "memory", memory__limit_in_bytes=64 * MIB, memory__usage_in_bytes=9 * MIB)
    found = memory_limit(mount, own)
    assert (found.source, found.bytes, found.used_bytes) == ("cgroup v1", 64 * MIB, 9 * MIB)
    group(mount / "memory", memory__limit_in_bytes=9223372036854771712)
    assert memory_limit(mount, own).bytes is None


def test_without_a_limit_one_is_assumed(tmp_path: Path) -> None:
    found = memory_limit(tmp_path, tmp_path / "none", usual_bytes=900 * MIB)
    assert found == Limit("none", None, 0, 1800 * MIB)
    assert room_bytes(found, 1000 * MIB) == 800 * MIB
    assert room_bytes(Limit("cgroup v2", 100 * MIB, 90 * MIB), 40 * MIB) == 10 * MIB
    assert room_bytes(Limit("cgroup v2", 100 * MIB, 190 * MIB), 40 * MIB) == 0


@on_glibc
def test_malloc_tells_what_it_gave() -> None:
    malloc = process_malloc()
    before = malloc.state()
    ballast = [bytes(100_000) for _ in range(100)]
    after = malloc.state()
    assert before is not None
    assert after is not None
    assert 9_000_000 < after.used_bytes - before.used_bytes < 30_000_000
    assert ballast


@on_glibc
async def test_a_trim_gives_back_what_is_free_and_says_how_much() -> None:
    malloc = process_malloc()
    kept, freed = [], []
    for _ in range(4000):  # of every two pieces one stays, so the heap cannot shrink by itself
        freed.append(ctypes.create_string_buffer(b"x" * 16_000))
        kept.append(ctypes.create_string_buffer(b"x" * 600))
    freed.clear()
    done = await trim_memory(malloc)
    assert done.is_supported
    assert done.rss_before_bytes - done.rss_after_bytes > 20 * MIB
    assert "given back" in done.text
    assert kept


async def test_another_c_library_is_said_to_be_one() -> None:
    other = Malloc(object())
    done = await trim_memory(other)
    assert (done.is_supported, done.rss_after_bytes > 0) == (False, True)
    assert "only glibc" in done.text
    process = ProcessMemory(lambda: 0.0, lambda: other)
    assert NO_MALLOC in process.notes()
    assert not process.allocators().is_malloc_known
    assert process.point().malloc_used_bytes == 0


def test_a_trim_in_words() -> None:
    assert trimmed_text(100 * MIB, 40 * MIB, 0.012) == (
        "60.0 MiB were given back in 12 ms (100.0 to 40.0 MiB)."
    )
    assert trimmed_text(100 * MIB, 100 * MIB, 0.001).startswith("Nothing was given back")


def test_a_node_trims_when_much_is_free_and_less_often_where_it_does_not_help() -> None:
    rule = TrimRule()
    assert not rule.is_due(0.0, FREE_BYTES_MIN - 1, 100 * MIB)
    assert not rule.is_due(0.0, 70 * MIB, 1000 * MIB)
    assert rule.is_due(0.0, 70 * MIB, 100 * MIB)
    helped = rule.after(0.0, 60 * MIB, 70 * MIB)
    assert not helped.is_due(599.0, 70 * MIB, 100 * MIB)
    assert helped.is_due(600.0, 70 * MIB, 100 * MIB)
    useless = helped.after(600.0, 0, 70 * MIB)
    assert not useless.is_due(1799.0, 70 * MIB, 100 * MIB)
    assert useless.is_due(1800.0, 70 * MIB, 100 * MIB)
