"""Ends a pod's processes as a crash would: SIGKILL, with no word to Kubernetes before.

Runs as a Pod that sees the machine's processes, since inside of a pod nobody can kill its first
process. The pod is named by its uid, which is in the path of its control group. The sandbox
(`pause`) stays: it is not what dies when a program dies.
"""

import json
import os
import signal
import sys
from pathlib import Path

SANDBOX = "pause"


def processes_of(uid: str, proc: Path) -> list[int]:
    """The process ids of a pod's containers. Control groups have the uid with - or with _."""
    names = (uid, uid.replace("-", "_"))
    found = []
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            group = (process / "cgroup").read_text()
            command = (process / "comm").read_text().strip()
        except OSError:  # it ended meanwhile
            continue
        if command != SANDBOX and any(name in group for name in names):
            found.append(int(process.name))
    return found


if __name__ == "__main__":
    pids = processes_of(sys.argv[1], Path("/proc"))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    print(json.dumps({"killed": len(pids)}), flush=True)
    sys.exit(0 if pids else 1)
