"""Between fork and exec of a child: ties its life to the node's, then becomes the program.

Run as a file (`python -I -S child_shim.py PARENT_PID PROGRAM ARGUMENT…`). PR_SET_PDEATHSIG belongs
to the thread that forked, so the node starts children from its main thread only. `preexec_fn` would
run Python between fork and exec of a process with Rust threads, which can deadlock.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    parent_pid, argv = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:
            # The node died before the line above: nothing would end this child any more.
            sys.exit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
