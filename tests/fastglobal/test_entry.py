"""What an entry says is to be in force, where and until when."""

import msgspec
import pytest

from aiex.engine import Deleted, Entry
from aiex.fastglobal.entry import (
    DELETED,
    HotEntry,
    Trial,
    Version,
    trial_left_s,
    version_of,
    wanted,
)

VALUE, TRIED = msgspec.Raw(b'"info"'), msgspec.Raw(b'"debug"')
SET = HotEntry(what="set", by="anna", at="", value=VALUE)
TRYING = msgspec.structs.replace(SET, trial=Trial(TRIED, ("n2",), 100.0, 160.0))


def test_a_value_is_for_all_nodes_and_none_is_the_default() -> None:
    assert wanted(SET, "n1", 0.0) == VALUE
    assert wanted(HotEntry(what="reset", by="", at=""), "n1", 0.0) is None


def test_a_trial_is_for_its_nodes_until_it_ends_by_itself() -> None:
    assert wanted(TRYING, "n1", 120.0) == VALUE
    assert wanted(TRYING, "n2", 120.0) == TRIED
    assert wanted(TRYING, "n2", 160.0) == VALUE
    assert (trial_left_s(TRYING, "n2", 120.0), trial_left_s(TRYING, "n1", 120.0)) == (40.0, 0.0)


def test_a_trial_that_is_kept_has_no_end() -> None:
    kept = msgspec.structs.replace(TRYING, trial=Trial(TRIED, ("n2",), 100.0))
    assert wanted(kept, "n2", 1e12) == TRIED
    assert trial_left_s(kept, "n2", 1e12) == float("inf")


def test_an_entry_comes_back_from_the_engine_as_it_was() -> None:
    for entry in (SET, TRYING, HotEntry(what="reset", by="a", at="b", from_revision=3)):
        change = Entry("level", msgspec.json.encode(entry), 7)
        assert version_of(change) == Version(7, entry)
    assert version_of(Deleted("level", 8)) == Version(8, DELETED)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'"info"', b"{" * 9999])
def test_what_nobody_can_read_is_known_by_its_revision(content: bytes) -> None:
    assert version_of(Entry("level", content, 9)) == Version(9, None)


def test_what_a_newer_release_says_beside_is_ignored() -> None:
    content = b'{"what":"set","by":"a","at":"b","value":1,"tomorrow":[1,2]}'
    read = version_of(Entry("level", content, 9)).entry
    assert read is not None
    assert read.value == msgspec.Raw(b"1")
