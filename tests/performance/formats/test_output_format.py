"""A file's name says what is written into it."""

from pathlib import Path

import pytest

from aiex.performance.formats import format_of


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("out.html", "html"),
        ("OUT.HTML", "html"),
        ("out.json", "json"),
        ("out.profile.json", "json"),
        ("out.speedscope.json", "speedscope"),
        ("speedscope.json", "speedscope"),
        ("out.collapsed", "collapsed"),
        ("out.folded", "collapsed"),
        ("out.pb.gz", "pprof"),
        ("out.pprof", "pprof"),
    ],
)
def test_the_longest_end_that_fits_is_meant(name: str, format_name: str) -> None:
    found = format_of(Path("somewhere.html") / name)
    assert found is not None
    assert found.name == format_name


@pytest.mark.parametrize("name", ["out", "out.txt", "out.gz", "html.out", "outhtml"])
def test_other_names_say_nothing(name: str) -> None:
    assert format_of(Path(name)) is None
