"""Looks at a node from outside while its loop stands still; a process, never part of the node.

Run with `RUN` of `sentinel.py` and `<name>=<value>` for each name that `Sentinel` takes.

The node's loop writes a dot to a pipe some times a second, and `p` when nothing is to be waited
for. When dots stay away this looks at the node: at the loop's thread in /proc, and with py-spy at
its stack, which needs no help of the node and sees a C function that keeps the interpreter. Each
look is written to a file in the data directory at once, for the node may not come back, and to
standard output, which the node reads when it does. It ends nobody: that is for whoever restarts
the node.

It imports as little as it can, for it waits all its life; `json` comes with the first look.
"""

from __future__ import annotations

import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOOKS_MAX = 10  # of one stall, each twice as late as the one before
SPY_TIMEOUT_S = 5.0
# Stalls that follow closely on each other are not all worth a process.
SPY_EVERY_S = 2.0
# Who was late itself was stopped with the node, or had no CPU either: the node gets that time too.
OWN_LATENESS_S = 0.25
OUTPUT_BYTES_MAX = 4 * 1024 * 1024
FRAMES_MAX = 40  # the innermost; all of a look fits into one line that the node takes
OTHER_FRAMES_MAX = 12
CHARS_MAX = 160
STOPPED = ("T", "t")


class Sentinel:
    """Hears the beats of one node."""

    def __init__(
        self,
        *,
        node: str,  # its name, for the log
        life: str,  # which of its lives
        pid: str,
        tid: str,  # of the loop's thread
        beats: str,  # descriptor that beats are read from
        log: str,  # descriptor of the node's log
        after_s: str,  # silence that is worth a look
        lost_after_s: str,  # silence after which the log is told
        file: str,
        spy: str,  # path of py-spy, or nothing
    ) -> None:
        self.node, self.life, self.pid, self.tid = node, life, int(pid), int(tid)
        self.beats, self.log = int(beats), int(log)
        self.after_s, self.lost_after_s = float(after_s), float(lost_after_s)
        self.file, self.spy = file, spy
        self.may_spy_at_s = 0.0
        self.seen: dict[str, Any] = {}  # of this stall, when py-spy was last asked
        self.look_at_s, self.look_count = self.after_s, 0
        self.is_logged = False

    def watch(self) -> None:
        """Until the node's end of the pipe closes."""
        heard_s: float | None = None
        while True:
            began_s = time.monotonic()
            wait_s = None if heard_s is None else max(0.0, heard_s + self.look_at_s - began_s)
            if select.select([self.beats], [], [], wait_s)[0]:
                data = os.read(self.beats, 4096)
                if not data:
                    return
                heard_s = None if data.endswith(b"p") else time.monotonic()
                self.forget()
            elif wait_s is not None and heard_s is not None:
                late_s = time.monotonic() - began_s - wait_s
                if late_s > OWN_LATENESS_S:
                    heard_s += late_s
                else:
                    self.look(heard_s)

    def look(self, heard_s: float) -> None:
        """Look at the node, which was last heard then, and say what is seen."""
        import json

        self.look_count += 1
        self.look_at_s = self.look_at_s * 2 if self.look_count < LOOKS_MAX else float(1 << 31)
        seen_s = time.monotonic()
        silent_s = seen_s - heard_s
        report: dict[str, Any] = {
            "life": self.life,
            "pid": self.pid,
            "silent_s": silent_s,
            "seen_s": seen_s,
            "began_at_s": time.time() - silent_s,
            **thread_state(self.pid, self.tid),
        }
        if report["state"] not in STOPPED:
            self.seen = self.stacks() or self.seen
            report.update(self.seen or {"problem": "a stack was read a moment ago"})
        line = json.dumps(report)
        problem = self.keep(line)
        if problem:
            line = json.dumps({**report, "problem": problem})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if silent_s >= self.lost_after_s and not self.is_logged:
            self.is_logged = True
            write_log(self.log, self.node, report)

    def stacks(self) -> dict[str, Any]:
        """What py-spy reads, or the problem with it; nothing when it was asked a moment ago."""
        if not self.spy:
            return {"problem": "py-spy is not installed", "is_refused": True}
        if time.monotonic() < self.may_spy_at_s:
            return {}
        self.may_spy_at_s = time.monotonic() + SPY_EVERY_S
        import json

        argv = [self.spy, "dump", "--nonblocking", "--json", "--pid", str(self.pid)]
        status, output, errors = output_of(argv)
        try:
            threads = json.loads(output) if status == 0 else []
        except ValueError:
            threads = []
        if not threads:
            said = " ".join(errors.decode("utf-8", "replace").split())[:CHARS_MAX]
            return {"problem": f"py-spy could not read it: {said or status}", "is_refused": True}
        return of_interest(threads, self.tid)

    def keep(self, line: str) -> str:
        """Write the file anew; says why it could not."""
        draft = self.file + ".new"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(draft, flags, 0o600)
            try:
                os.write(descriptor, line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(draft, self.file)
        except OSError as error:
            return f"{self.file} could not be written: {error.strerror}"
        return ""

    def forget(self) -> None:
        """The loop turns again."""
        if self.look_count:
            self.look_at_s, self.look_count, self.is_logged = self.after_s, 0, False
            self.seen = {}
            try:
                os.unlink(self.file)
            except OSError:
                pass


def thread_state(pid: int, tid: int) -> dict[str, str]:
    """What the kernel says of a thread: state as in proc(5), where it waits, in which call."""
    task = f"/proc/{pid}/task/{tid}/"
    stat = content(task + "stat").rpartition(")")[2].split()
    return {
        "state": stat[0] if stat else "?",
        "wchan": content(task + "wchan").strip("0\n"),
        "syscall": content(task + "syscall").partition(" ")[0].strip(),
    }


def content(file: str) -> str:
    """The beginning of a small file; empty where it cannot be read."""
    try:
        with open(file, encoding="ascii", errors="replace") as opened:
            return opened.read(4096)
    except OSError:
        return ""


def of_interest(threads: list[dict[str, Any]], tid: int) -> dict[str, Any]:
    """The stack of the loop's thread, and of the one that has the interpreter if it is another."""
    owners = [one for one in threads if one.get("owns_gil")]
    own = [one for one in threads if one.get("os_thread_id") == tid]
    own = own or [one for one in threads if one.get("thread_name") == "MainThread"] or threads[:1]
    found = {"stack": frames(own[0], FRAMES_MAX), "has_interpreter": own[0] in owners}
    if owners and own[0] not in owners:
        found["owner"] = str(owners[0].get("thread_name") or "?")[:CHARS_MAX]
        found["owner_stack"] = frames(owners[0], OTHER_FRAMES_MAX)
    return found


def frames(thread: dict[str, Any], frames_max: int) -> list[tuple[str, str, int]]:
    """Outermost first, as the node has them."""
    return [
        (one["name"][-CHARS_MAX:], one["filename"][-CHARS_MAX:], one["line"])
        for one in reversed(thread["frames"][:frames_max])
    ]


def output_of(argv: list[str]) -> tuple[int, bytes, bytes]:
    """Exit status, output, errors; the status is -1 when it cannot be run or takes too long."""
    out_end, out_write = os.pipe()
    err_end, err_write = os.pipe()
    try:
        pid = os.posix_spawn(
            argv[0],
            argv,
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, out_write, 1),
                (os.POSIX_SPAWN_DUP2, err_write, 2),
            ],
        )
    except OSError as error:
        pid, problem = 0, str(error.strerror)
    os.close(out_write)
    os.close(err_write)
    try:
        return collected(pid, out_end, err_end) if pid else (-1, b"", problem.encode())
    finally:
        os.close(out_end)
        os.close(err_end)


def collected(pid: int, out_end: int, err_end: int) -> tuple[int, bytes, bytes]:
    """What a child writes until it ends, which it has to do in time."""
    chunks = {out_end: b"", err_end: b""}
    open_ends = [out_end, err_end]
    deadline_s = time.monotonic() + SPY_TIMEOUT_S
    while open_ends and (left_s := deadline_s - time.monotonic()) > 0:
        for end in select.select(open_ends, [], [], left_s)[0]:
            data = os.read(end, 65536)
            chunks[end] += data
            if not data or len(chunks[end]) > OUTPUT_BYTES_MAX:
                open_ends.remove(end)
    if open_ends:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if open_ends:
        return -1, b"", b"it took too long"
    return status, chunks[out_end], chunks[err_end]


def write_log(descriptor: int, node: str, report: dict[str, Any]) -> None:
    """One line in the node's log, which the node itself cannot write now."""
    import json

    stack = report.get("owner_stack") or report.get("stack")
    place = "{} ({}:{})".format(*stack[-1]) if stack else "a place that could not be read"
    now = time.time()
    whole_s = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    silent_s = report["silent_s"]
    line = {
        "ts": f"{whole_s}.{int(now % 1 * 1000):03d}+00:00",
        "level": "error",
        "logger": "aiex.performance.sentinel",
        "message": f"the loop has not turned for {silent_s:.1f} s, no request is answered; "
        f"it is at {place}",
        "node": node,
        "report": report,
    }
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    except OSError:
        pass


def main() -> None:
    Sentinel(**dict(pair.split("=", 1) for pair in sys.argv[1:])).watch()
