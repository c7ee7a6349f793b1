"""The format of a backup: what goes in comes out, and whatever is not whole is found out."""

import gzip
import json
import resource
import zlib
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.errors import BackupRefused
from aiex.store.backup_file import BackupReader, BackupWriter
from aiex.store.backup_line import (
    FORMAT,
    LINE_BYTES_MAX,
    Broken,
    Cut,
    FragmentBegins,
    Head,
    Line,
    SavedDeletion,
    SavedRow,
    SavedTable,
    SavedValue,
    Whole,
    encoded,
)

KEYS = st.lists(st.text(max_size=20) | st.integers(-(2**53), 2**53), min_size=1, max_size=3)
TEXTS = st.text(max_size=50)
HEAD = Head(FORMAT, "lab", "1.0", 1.0, (SavedTable("notes", ("book",), 1, "disc", 1, 1),))


@st.composite
def backups(draw: st.DrawFn) -> list[Line]:
    """The lines of a backup, but for the last."""
    tables = tuple(
        SavedTable(f"t{number}", ("id",), draw(st.integers(1, 9)), "disc", fragments, 1)
        for number, fragments in enumerate(draw(st.lists(st.integers(1, 3), max_size=3)))
    )
    lines: list[Line] = [Head(FORMAT, draw(TEXTS), draw(TEXTS), 5.5, tables)]
    for table in tables:
        for number in range(table.fragments):
            lines += draw(fragments_of(table.name, number))
    for key in draw(st.lists(TEXTS, max_size=2)):
        lines.append(SavedValue("hot", key, draw(st.binary(max_size=50))))
    return lines


@st.composite
def fragments_of(draw: st.DrawFn, table: str, number: int) -> list[Line]:
    lines: list[Line] = [FragmentBegins(table, number)]
    sequence = row_count = 0
    for text in draw(st.lists(TEXTS, max_size=5)):
        sequence += draw(st.integers(1, 9))
        if draw(st.booleans()):
            row = msgspec.Raw(msgspec.json.encode({"id": text, "more": [1, None]}))
            lines.append(SavedRow(sequence, 7.25, 1, row, batch=draw(st.sampled_from(["", "b"]))))
            row_count += 1
        else:
            lines.append(SavedDeletion(sequence, 8.5, tuple(draw(KEYS))))
    return [*lines, Cut(sequence + draw(st.integers(0, 3)), 9.0, row_count)]


def file_of(lines: Iterable[Line]) -> bytes:
    writer = BackupWriter()
    return writer.pieces(lines) + writer.end()


def read(file: bytes, piece_bytes: int = 7) -> list[Line]:
    """The lines of a file that is read in small pieces, but for the last."""
    reader = BackupReader()
    lines = [
        line
        for begin in range(0, len(file), piece_bytes)
        for line in reader.lines(file[begin : begin + piece_bytes])
    ]
    assert reader.end() is lines[-1]
    return lines[:-1]


@settings(deadline=None)
@given(backups(), st.integers(1, 500))
def test_what_was_written_is_read_however_the_file_comes(
    lines: list[Line], piece_bytes: int
) -> None:
    assert read(file_of(lines), piece_bytes) == lines


@settings(max_examples=10, deadline=None)
@given(backups())
def test_a_file_that_was_cut_off_anywhere_is_refused(lines: list[Line]) -> None:
    whole = file_of(lines)
    for length in range(len(whole)):
        with pytest.raises(BackupRefused):
            read(whole[:length], len(whole))


@settings(deadline=None)
@given(backups(), st.data())
def test_one_changed_byte_is_found_or_changes_nothing(
    lines: list[Line], data: st.DataObject
) -> None:
    whole = bytearray(file_of(lines))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = read(bytes(whole))
    except BackupRefused:
        return
    assert found == lines


@settings(deadline=None)
@given(backups(), st.data())
def test_lines_that_were_packed_again_after_a_change_are_found(
    lines: list[Line], data: st.DataObject
) -> None:
    texts = gzip.decompress(file_of(lines)).splitlines(keepends=True)
    at = data.draw(st.integers(0, len(texts) - 1))
    match data.draw(st.sampled_from(["leave out", "repeat", "swap"])):
        case "leave out":
            del texts[at]
        case "repeat":
            texts.insert(at, texts[at])
        case _:
            if texts[at] == texts[at - 1]:
                return
            texts[at], texts[at - 1] = texts[at - 1], texts[at]
    with pytest.raises(BackupRefused):
        read(gzip.compress(b"".join(texts)))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    for file in (rubbish, gzip.compress(rubbish), gzip.compress(rubbish + b"\n")):
        with pytest.raises(BackupRefused):
            read(file)


@pytest.mark.parametrize("endless", [b"x", b'{"is":"backup","cluster":"' + b"x" * 1000])
def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(endless: bytes) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = endless * (2**20 // len(endless))
    bomb = b"".join(packer.compress(block) for _ in range(256))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader = BackupReader()
    with pytest.raises(BackupRefused, match="longer than any row"):
        list(reader.lines(bomb))
    grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) * 1024
    assert grown_bytes < 4 * LINE_BYTES_MAX


def test_a_file_with_something_behind_its_end_is_refused() -> None:
    whole = file_of([HEAD, FragmentBegins("notes", 0), Cut(0, 1.0, 0)])
    for more in (b"\n", whole, b"\0" * 10):
        with pytest.raises(BackupRefused):
            read(whole + more, 4096)


def test_a_backup_of_a_newer_format_says_who_can_read_it() -> None:
    head = json.dumps({"is": "backup", "format": FORMAT + 1, "shape": "another"})
    with pytest.raises(BackupRefused, match="made by a newer release"):
        read(gzip.compress(head.encode() + b"\n"))


def test_what_is_no_backup_is_called_so() -> None:
    with pytest.raises(BackupRefused, match="no backup"):
        read(b"PK\x03\x04 something else")
    for text in (b'{"is":"row"}', b"[]", b"hello"):
        with pytest.raises(BackupRefused, match="no backup of Aiex"):
            read(gzip.compress(text + b"\n"))


def test_a_backup_that_broke_off_says_why() -> None:
    writer = BackupWriter()
    file = writer.pieces([HEAD]) + writer.break_off("The engine does not answer.")
    with pytest.raises(BackupRefused, match="The engine does not answer"):
        read(file)


def test_a_fragment_that_is_missing_is_found_though_the_checksum_fits() -> None:
    with pytest.raises(BackupRefused, match="damaged or changed"):
        read(file_of([HEAD]))


@pytest.mark.parametrize(
    "lines",
    [
        [FragmentBegins("notes", 0)],
        [HEAD, HEAD],
        [HEAD, SavedDeletion(1, 1.0, ("a",))],
        [HEAD, FragmentBegins("other", 0)],
        [HEAD, FragmentBegins("notes", 1)],
        [HEAD, FragmentBegins("notes", 0), FragmentBegins("notes", 0)],
        [HEAD, FragmentBegins("notes", 0), SavedValue("hot", "a", b"")],
        [HEAD, FragmentBegins("notes", 0), Cut(0, 1.0, 7)],
        [HEAD, FragmentBegins("notes", 0), SavedDeletion(5, 1.0, ("a",)), Cut(4, 1.0, 0)],
        [HEAD, FragmentBegins("notes", 0), Cut(0, 1.0, 0), FragmentBegins("notes", 0)],
    ],
)
def test_lines_out_of_place_are_refused(lines: list[Line]) -> None:
    with pytest.raises(BackupRefused):
        read(file_of(lines))


def test_a_backup_reads_as_text_with_tools_at_hand() -> None:
    row = SavedRow(17, 5.0, 1, msgspec.Raw(b'{"book":"diary"}'))
    lines: list[Line] = [HEAD, FragmentBegins("notes", 0), row, Cut(17, 6.0, 1)]
    told = [json.loads(line) for line in gzip.decompress(file_of(lines)).splitlines()]
    assert [line["is"] for line in told] == ["backup", "fragment", "row", "cut", "whole"]
    assert told[2]["row"] == {"book": "diary"}


def test_every_kind_of_line_is_on_the_page() -> None:
    for line in (Broken("x"), Whole(1, 1, "x"), SavedValue("hot", "a", b"b")):
        assert encoded(line).startswith(b'{"is":"')
