"""Becomes another program that dies with its parent; run as a script, never for its functions.

    python -I -S -E child_shim.py <parent pid> <report descriptor> -- program argument…

`PR_SET_PDEATHSIG` has to be set by the child itself, between fork and exec. A `preexec_fn` would
run Python in a fork of a process with foreign threads, which may hold any lock; a fresh interpreter
has no such trouble. When the program cannot be started the reason goes to the report descriptor,
which closes without a word when the exec succeeds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
EXIT_NOT_STARTED = 127  # as a shell's


def main() -> int:
    parent_pid, report, _, *argv = sys.argv[1:]
    os.set_inheritable(int(report), False)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # A parent that died before the call above sends no signal any more.
    if os.getppid() != int(parent_pid):
        return EXIT_NOT_STARTED
    # Python ignores these two for itself, and what is ignored stays so across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(argv[0], argv)  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(int(report), (error.strerror or "unknown error").encode())
        return EXIT_NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
