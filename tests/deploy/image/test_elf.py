"""ELF files: which are loaded by whom, and the same programs without debug information."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.docker import elf

PYTHON = Path(sys.executable).resolve()
# Three sections: none, of debug information behind the segment, and names.
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
NAMES = b"\0.debug_info\0.shstrtab\0"


def made(debug: bytes, kept: bytes = b"") -> bytes:
    """A small file: one segment, debug information, names of sections."""
    code = b"code" * 8
    at = HEADER.size + 56
    debug_at = at + len(code)
    names_at = debug_at + len(debug)
    table_at = names_at + len(NAMES)
    header = HEADER.pack(
        elf.MAGIC.ljust(16, b"\0"), 3, 62, 1, 0, HEADER.size, table_at, 0, 64, 56, 1, 64, 3, 2
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, debug_at, debug_at, 4096)
    sections = (
        bytes(64)
        + struct.pack("<IIQQQQIIQQ", 1, 1, 0, 0, debug_at, len(debug), 0, 0, 1, 0)
        + struct.pack("<IIQQQQIIQQ", 13, 3, 0, 0, names_at, len(NAMES), 0, 0, 1, 0)
    )
    return header + segment + code + debug + NAMES + sections + kept


def test_debug_information_goes_and_segments_stay_byte_for_byte() -> None:
    content = made(b"line 1 is in file.c" * 50)
    smaller = elf.without_debug(content)
    assert len(smaller) < len(content) - 800
    assert b"file.c" not in smaller
    end = elf.segments(content)[0].size
    # All but the header's word of where the table of sections is.
    assert smaller[:40] == content[:40]
    assert smaller[48:end] == content[48:end]
    assert elf.segments(smaller) == elf.segments(content)


def test_what_has_no_debug_information_stays_as_it_is() -> None:
    smaller = elf.without_debug(made(b"line 1" * 50))
    assert elf.without_debug(smaller) == smaller


def test_sections_keep_their_numbers_and_names_stay_readable() -> None:
    smaller = elf.without_debug(made(b"line 1" * 50))
    at, count = struct.unpack_from("<Q", smaller, 40)[0], struct.unpack_from("<H", smaller, 60)[0]
    sections = [struct.unpack_from("<IIQQQQ", smaller, at + 64 * index) for index in range(count)]
    assert [kind for _, kind, *_ in sections] == [elf.SHT_NULL, elf.SHT_NULL, 3]
    offset, size = sections[2][4:]
    assert smaller[offset : offset + size] == NAMES


def test_a_program_runs_without_its_debug_information(tmp_path: Path) -> None:
    program = tmp_path / "program"
    content = Path(shutil.which("sleep") or "").resolve().read_bytes()
    program.write_bytes(elf.without_debug(content))
    program.chmod(0o755)
    subprocess.run([program, "0"], check=True)


def test_a_program_names_its_loader_and_a_library_does_not() -> None:
    assert Path(elf.loader(PYTHON.read_bytes())).exists()
    assert elf.is_dynamic(PYTHON.read_bytes())
    assert not elf.loader(made(b""))
    assert not elf.is_dynamic(made(b""))


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01 of 32 bits"])
def test_what_is_no_such_file_is_seen(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert not elf.is_elf(path)
