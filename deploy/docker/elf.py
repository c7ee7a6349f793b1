"""ELF files as the kernel and the loader see them, and without what neither reads.

What runs is in the segments; sections are for linkers and debuggers. So taking away sections of
debug information, which lie behind every segment, changes nothing of what runs: all bytes of all
segments stay where they are. Symbol tables stay, since profilers read them.

Only what images are built for: 64 bits, little endian.
"""

import struct
from dataclasses import dataclass, replace
from pathlib import Path

MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little endian
PT_DYNAMIC = 2
PT_INTERP = 3
SHT_NULL = 0
SHT_NOBITS = 8
SHF_ALLOC = 2

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")


@dataclass(frozen=True, slots=True)
class Segment:
    kind: int
    offset: int
    size: int  # in the file, in bytes


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    name_at: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int

    @property
    def is_debug(self) -> bool:
        """Only for debuggers: the loader never maps it."""
        return not self.flags & SHF_ALLOC and self.name.startswith((".debug_", ".zdebug_"))

    @property
    def is_in_file(self) -> bool:
        return self.kind not in (SHT_NULL, SHT_NOBITS)


def is_elf(path: Path) -> bool:
    """Whether the file is one that this module reads."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def segments(content: bytes) -> list[Segment]:
    """The program headers."""
    header = _HEADER.unpack_from(content)
    at, size, count = header[5], header[9], header[10]
    found = []
    for index in range(count):
        kind, _, offset, _, _, file_size, _, _ = _SEGMENT.unpack_from(content, at + index * size)
        found.append(Segment(kind, offset, file_size))
    return found


def is_dynamic(content: bytes) -> bool:
    """Whether a loader has anything to do for it."""
    return any(segment.kind == PT_DYNAMIC for segment in segments(content))


def loader(content: bytes) -> str:
    """The path of the program that loads it; empty for a library or a static program."""
    for segment in segments(content):
        if segment.kind == PT_INTERP:
            return content[segment.offset : segment.offset + segment.size].rstrip(b"\0").decode()
    return ""


def without_debug(content: bytes) -> bytes:
    """The same file without debug information; as it is when that would not make it smaller."""
    header = list(_HEADER.unpack_from(content))
    sections = _sections(content, header)
    # All that may be mapped, or belongs to a section that is.
    end = max(
        header[5] + header[9] * header[10],
        *(segment.offset + segment.size for segment in segments(content)),
        *(one.offset + one.size for one in sections if one.flags & SHF_ALLOC and one.is_in_file),
    )
    result = bytearray(content[:end])
    # A section keeps its number, which symbols and other sections know it by.
    table = []
    for section in sections:
        if section.is_debug:
            section = replace(section, name_at=0, kind=SHT_NULL, offset=0, size=0, link=0, info=0)
        elif section.is_in_file and section.offset >= end:
            _pad(result, section.alignment)
            moved = replace(section, offset=len(result))
            result += content[section.offset : section.offset + section.size]
            section = moved
        table.append(_packed(section))
    _pad(result, _SECTION.size)
    header[6] = len(result)
    result += b"".join(table)
    result[: _HEADER.size] = _HEADER.pack(*header)
    return bytes(result) if sections and len(result) < len(content) else content


def _sections(content: bytes, header: list[int]) -> list[Section]:
    at, size, count, names = header[6], header[11], header[12], header[13]
    raw = [_SECTION.unpack_from(content, at + index * size) for index in range(count if at else 0)]
    if not raw:
        return []
    names_at = raw[names][4]
    return [Section(_name(content, names_at + one[0]), *one) for one in raw]


def _name(content: bytes, at: int) -> str:
    return content[at : content.index(b"\0", at)].decode(errors="replace")


def _packed(section: Section) -> bytes:
    return _SECTION.pack(
        section.name_at,
        section.kind,
        section.flags,
        section.address,
        section.offset,
        section.size,
        section.link,
        section.info,
        section.alignment,
        section.entry_size,
    )


def _pad(result: bytearray, alignment: int) -> None:
    result += bytes(-len(result) % max(alignment, 1))
