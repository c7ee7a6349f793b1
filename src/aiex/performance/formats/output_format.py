"""What a profile can be written as, by name and by the end of a file's name."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from aiex.performance.formats.collapsed import collapsed, collapsed_difference
from aiex.performance.formats.difference import Difference
from aiex.performance.formats.flame_page import difference_page, flame_page
from aiex.performance.formats.pprof import pprof, pprof_difference
from aiex.performance.formats.saved_profile import saved_profile
from aiex.performance.formats.speedscope import speedscope, speedscope_difference
from aiex.performance.profile import Profile


class OutputFormat(NamedTuple):
    """`write_difference` is `None` where a format cannot hold two."""

    name: str
    suffixes: tuple[str, ...]
    meaning: str
    write: Callable[[Profile], bytes]
    write_difference: Callable[[Difference], bytes] | None
    is_text: bool = True


FORMATS = {
    one.name: one
    for one in (
        OutputFormat(
            "html",
            (".html", ".htm"),
            "a flame graph in one page",
            flame_page,
            difference_page,
        ),
        OutputFormat(
            "speedscope",
            (".speedscope.json", ".speedscope"),
            "for speedscope.app; is read back",
            speedscope,
            speedscope_difference,
        ),
        OutputFormat(
            "collapsed",
            (".collapsed", ".folded"),
            "a line a stack, for flamegraph.pl",
            collapsed,
            collapsed_difference,
        ),
        OutputFormat(
            "pprof",
            (".pb.gz", ".pprof"),
            "for go tool pprof",
            pprof,
            pprof_difference,
            is_text=False,
        ),
        OutputFormat("json", (".json",), "with everything; is read back", saved_profile, None),
    )
}


def format_of(path: Path) -> OutputFormat | None:
    """By the end of the name, the longest that fits; `None` when none does."""
    name = f".{path.name}".lower()  # so that `speedscope.json` says it too
    fitting = [
        (len(suffix), one)
        for one in FORMATS.values()
        for suffix in one.suffixes
        if name.endswith(suffix)
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None
