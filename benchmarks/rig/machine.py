"""The machine a benchmark runs on: made ready once, before anything is measured."""

import compileall
import os
import resource
from pathlib import Path

from rig.cores import Cores, divide_cores

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".make" / "bench"


def ready_machine() -> Cores:
    """The cores. Bytecode is compiled, since start times are taken, and there is a cache."""
    cores = divide_cores(sorted(os.sched_getaffinity(0)))
    CACHE.mkdir(parents=True, exist_ok=True)
    compileall.compile_dir(ROOT / "src", quiet=1)
    return cores


def drive_a_crowd(cores: Cores) -> None:
    """This process and its generators on the cores that drive, with files enough for a crowd."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, cores.driving)
