"""What is wrong with a node that cannot be asked: its loop stands still, and it is seen where.

Read from outside, in another process: the sentinel keeps what it saw in the node's data directory
for as long as the stall lasts.
"""

import time
from pathlib import Path

from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.requests import Analysis
from aiex.performance.analysis.source_lines import SourceLines
from aiex.performance.loop import Stall, StallList, standing_stall

DIRECTORIES_MAX = 16


def stuck_analysis(data_dir: Path, pid: int, now_s: float | None = None) -> Analysis | None:
    """Of the node with that process, if its loop stands still now; None while it turns."""
    stall = standing_stall(data_dir, pid, module_of_file)
    if stall is None:
        return None
    now_s = time.time() if now_s is None else now_s
    return _analysis(stall, max(stall.seconds, now_s - stall.began_at_s))


def _analysis(stall: Stall, seconds: float) -> Analysis:
    lines = SourceLines().read([one for one in stall.stack if one.file][-3:])
    if stall.culprit is not None:
        lines |= SourceLines().read([stall.culprit])
    seen = StallList((stall,), 1, stall.seconds, None, ())
    findings = diagnosed(Evidence(seconds=stall.seconds, stalls=seen, lines=lines))
    what = findings[0].text if findings else f"{stall.kind.replace('_', ' ')}. {stall.detail}"
    return Analysis(
        stall.began_at_s,
        seconds,
        findings,
        f"The loop has stood still for {seconds:.0f} s and answers nobody: {what}",
        ("The node does not answer; this is what its sentinel saw from outside.",),
    )


def module_of_file(file: str) -> str:
    """The dotted name of a module by where its file is; empty for what is no file of Python."""
    path = Path(file)
    if path.suffix != ".py":
        return ""
    names = [] if path.stem == "__init__" else [path.stem]
    for directory in list(path.parents)[:DIRECTORIES_MAX]:
        if not (directory / "__init__.py").exists():
            break
        names.append(directory.name)
    return ".".join(reversed(names))
