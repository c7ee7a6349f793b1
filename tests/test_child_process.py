"""Children: started for certain or not at all, heard in full lines, gone with their parent."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import aiex.child_shim
from aiex.child_process import LINE_BYTES_MAX, ChildNotStarted, ChildProcess, LineSplitter

pytestmark = pytest.mark.integration

PYTHON = [sys.executable, "-I", "-S", "-u", "-c"]
DEADLINE_S = 20.0
PATIENT = "import signal, time; signal.signal(15, signal.SIG_IGN); print('here'); time.sleep(99)"


def test_lines_come_whole_however_they_are_cut() -> None:
    splitter = LineSplitter()
    assert splitter.lines(b"one\ntw") == ["one"]
    assert splitter.lines(b"o\r\n\n") == ["two", ""]
    assert splitter.lines(b"th\xff") == []
    assert splitter.last() == ["th�"]
    assert splitter.last() == []


def test_a_line_has_a_length_limit_and_the_next_one_is_whole_again() -> None:
    splitter = LineSplitter()
    assert splitter.lines(b"x" * (LINE_BYTES_MAX - 1)) == []
    cut, following = splitter.lines(b"yz\nnext\n")
    assert cut == "x" * (LINE_BYTES_MAX - 1) + "y … (line cut)"
    assert following == "next"


async def test_a_child_is_heard_and_its_exit_status_told() -> None:
    lines: list[str] = []
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    child = await ChildProcess.spawn([*PYTHON, script], on_line=lines.append)
    async with asyncio.timeout(DEADLINE_S):
        assert await child.wait() == 3
    assert lines == ["out", "err"]
    assert child.exit_status == 3


async def test_a_flood_without_line_ends_is_cut_and_the_child_not_blocked() -> None:
    lines: list[str] = []
    script = "import sys; sys.stdout.write('x' * 5_000_000 + '\\nend')"
    child = await ChildProcess.spawn([*PYTHON, script], on_line=lines.append)
    async with asyncio.timeout(DEADLINE_S):
        assert await child.wait() == 0
    assert [len(line) for line in lines] == [LINE_BYTES_MAX + len(" … (line cut)"), 3]


async def test_a_missing_program_is_named() -> None:
    with pytest.raises(ChildNotStarted, match=r"/no/such cannot be started: there is no such"):
        await ChildProcess.spawn(["/no/such"], on_line=print)


async def test_a_program_that_the_kernel_refuses_says_why(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x00neither script nor binary")
    program.chmod(0o755)
    with pytest.raises(ChildNotStarted, match="Exec format error"):
        await ChildProcess.spawn([str(program)], on_line=print)


async def test_signals_that_python_ignores_are_the_childs_default_again() -> None:
    lines: list[str] = []
    status = ["grep", "SigIgn", "/proc/self/status"]
    child = await ChildProcess.spawn(status, on_line=lines.append)
    await child.wait()
    ignored = int(lines[0].split()[1], 16)
    assert [one for one in (signal.SIGPIPE, signal.SIGXFSZ) if ignored >> (one - 1) & 1] == []


async def test_a_child_leads_its_own_session() -> None:
    child, _ = await _patient_child()
    assert os.getsid(child.pid) == child.pid != os.getsid(0)
    await child.stop(grace_s=0)


async def test_stop_is_gentle_first() -> None:
    script = (
        "import signal, sys, time\n"
        "signal.signal(15, lambda *_: sys.exit(7))\n"
        "print('here')\n"
        "time.sleep(99)"
    )
    child, _ = await _child(script)
    async with asyncio.timeout(DEADLINE_S):
        assert await child.stop(grace_s=DEADLINE_S) == 7


async def test_stop_kills_what_ignores_the_request() -> None:
    child, _ = await _patient_child()
    async with asyncio.timeout(DEADLINE_S):
        assert await child.stop(grace_s=0.05) == -signal.SIGKILL


async def test_stop_takes_the_grandchildren_along() -> None:
    script = (
        "import subprocess, sys, time\n"
        f"grandchild = subprocess.Popen([*{PYTHON!r}, {PATIENT!r}], stdout=-3)\n"
        "print(grandchild.pid)\n"
        "time.sleep(99)"
    )
    child, line = await _child(script)
    await child.stop(grace_s=DEADLINE_S)
    await _until_gone(int(line))


async def test_cancelling_a_stop_kills_at_once() -> None:
    child, _ = await _patient_child()
    stopping = asyncio.create_task(child.stop(grace_s=DEADLINE_S))
    await asyncio.sleep(0)
    stopping.cancel()
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(asyncio.CancelledError):
            await stopping
        assert await child.wait() == -signal.SIGKILL


async def test_a_stop_that_was_cancelled_leaves_no_child_and_no_reader_of_its_output() -> None:
    child, _ = await _patient_child()
    stopping = asyncio.create_task(child.stop(grace_s=DEADLINE_S))
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.wait({stopping}, timeout=DEADLINE_S)
    assert stopping.cancelled()
    assert child.exit_status == -signal.SIGKILL
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel must have PR_SET_PDEATHSIG")
@pytest.mark.platform_specific
async def test_killing_the_parent_leaves_no_child_not_even_one_that_ignores_sigterm() -> None:
    parent_script = (
        "import asyncio, sys\n"
        "from aiex.child_process import ChildProcess\n"
        "async def main():\n"
        f"    child = await ChildProcess.spawn({[*PYTHON, PATIENT]!r}, on_line=print)\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(main())"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent_script, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        child_pid = int(await parent.stdout.readline())
        assert Path(f"/proc/{child_pid}").exists()
        parent.kill()
        await parent.wait()
        await parent.stdout.read()
    await _until_gone(child_pid)


def test_a_child_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    marker = tmp_path / "started"
    read_end, write_end = os.pipe()
    touch = shutil.which("touch")
    assert touch is not None
    not_our_pid = str(os.getppid())
    shim = [sys.executable, "-I", "-S", "-E", aiex.child_shim.__file__, not_our_pid]
    ended = subprocess.run(
        [*shim, str(write_end), "--", touch, str(marker)],
        pass_fds=(write_end,),
        timeout=DEADLINE_S,
        check=False,
    )
    os.close(read_end)
    os.close(write_end)
    assert ended.returncode == aiex.child_shim.EXIT_NOT_STARTED
    assert not marker.exists()


async def _patient_child() -> tuple[ChildProcess, str]:
    return await _child(PATIENT)


async def _child(script: str) -> tuple[ChildProcess, str]:
    """A child that printed its first line, and that line."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    child = await ChildProcess.spawn([*PYTHON, script], on_line=lines.put_nowait)
    async with asyncio.timeout(DEADLINE_S):
        return child, await lines.get()


async def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while _is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        await asyncio.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # nobody may be there to reap it
