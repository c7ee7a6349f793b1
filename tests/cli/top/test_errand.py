"""What a profile or a trace from a key comes to: the command, as it would be typed."""

from pathlib import Path

import pytest

from aiex.cli.top import errand


def test_a_profile_is_taken_of_the_node_and_written_to_a_file() -> None:
    fields = errand.profile_fields("n/1", "101112")
    assert fields[errand.FILE] == "profile-n-1-101112.html"
    found = errand.profile_errand({**fields, errand.KIND: "wall"}, "n/1")
    assert found.arguments == (
        "profile",
        "wall",
        "--seconds=10",
        "--on=n/1",
        "--output=profile-n-1-101112.html",
    )
    assert found.file is None


def test_a_trace_has_all_its_limits_and_the_row_that_was_chosen() -> None:
    fields = errand.trace_fields("n1", "101112", "pkg:Class.method")
    found = errand.trace_errand({**fields, errand.WHEN: "len(x) > 3"}, "n1")
    assert found.arguments == (
        "trace",
        "--max=100",
        "--rate=10/s",
        "--ttl=60s",
        "--when=len(x) > 3",
        "--returns",
        "--on=n1",
        "--",
        "pkg:Class.method",
    )
    assert found.file == Path("trace-n1-101112.txt")


def test_what_cannot_be_traced_is_not_proposed() -> None:
    assert errand.trace_fields("n1", "1", "pkg:f.<locals>.g")[errand.FUNCTIONS] == ""
    assert errand.trace_fields("n1", "1", "(event loop)")[errand.FUNCTIONS] == ""


def test_what_is_missing_is_said() -> None:
    profile = errand.profile_fields("n1", "1")
    with pytest.raises(ValueError, match="no kind of profile"):
        errand.profile_errand({**profile, errand.KIND: "gpu"}, "n1")
    with pytest.raises(ValueError, match="name one"):
        errand.profile_errand({**profile, errand.FILE: ""}, "n1")
    trace = errand.trace_fields("n1", "1", "pkg:f")
    with pytest.raises(ValueError, match="Name a function"):
        errand.trace_errand({**trace, errand.FUNCTIONS: " "}, "n1")
