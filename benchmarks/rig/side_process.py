"""A measurement in a process of its own: nothing of the benchmark's own imports is in it.

The program's last line of output is one JSON object. Standard library only, since the programs run
in environments of peers too.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.errors import RigError

BENCHMARKS = Path(__file__).parents[1]
SOURCES = BENCHMARKS.parent / "src"
COMPLAINT_LEN = 2000


def tell(found: Mapping[str, Any]) -> None:
    """Of the program: what it found."""
    print(json.dumps(found), flush=True)


def found_by(
    module: str,
    *arguments: object,
    directory: Path,
    within_s: float,
    core: int | None = None,
    python: Path = Path(sys.executable),
) -> dict[str, Any]:
    """What `python -m module` told; raises `RigError` with its complaint when that is nothing."""
    pinned = () if core is None else ("taskset", "--cpu-list", str(core))
    command = ("setpriv", "--pdeathsig", "TERM", *pinned, str(python), "-m", module)
    try:
        done = subprocess.run(
            (*command, *map(str, arguments)),
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
            cwd=directory,
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": str(directory),
                "PYTHONPATH": f"{BENCHMARKS}:{SOURCES}",
            },
        )
    except subprocess.TimeoutExpired:
        raise RigError(f"{module} takes longer than {within_s:g} s") from None
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise RigError(f"{module} found nothing: {done.stderr[-COMPLAINT_LEN:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found
