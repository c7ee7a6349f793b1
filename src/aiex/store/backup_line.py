"""What a backup says, line by line. The file is these lines as JSON, one a line, and gzip of them.

    {"is":"backup","format":1,"cluster":"lab","release":"0.1.0","began_at_s":…,"tables":[…]}
    {"is":"fragment","table":"usage","number":0}
    {"is":"row","sequence":17,"at_s":…,"version":1,"row":{"key_id":"k1",…}}
    {"is":"deleted","sequence":18,"at_s":…,"key":["k1",1712]}
    {"is":"cut","sequence":18,"at_s":…,"row_count":1}
    {"is":"value","bucket":"hot","key":"drain_s","value":"MzA="}
    {"is":"whole","line_count":6,"row_count":1,"sha256":"…"}

A fragment's lines are its changes in their order, as many of each row as its table keeps: of a row
that comes twice the last line counts, and the fragment as it was at its cut is what all of them
come to. Fields may be added with a default; what has to be different gets another `FORMAT`.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from aiex.errors import BackupRefused
from aiex.store.table import Key, KeyPart, Table

FORMAT = 1
# The engine's largest message has 8 MB, and a value in base64 a third more.
LINE_BYTES_MAX = 16 * 1024 * 1024

type Count = Annotated[int, Meta(ge=0)]


class SavedTable(msgspec.Struct, frozen=True):
    """A table as the release that made the backup declared it."""

    name: str
    key: tuple[str, ...]
    version: int
    storage: str
    fragments: int
    history: int

    @classmethod
    def of(cls, table: Table[Any]) -> "SavedTable":
        return cls(
            table.name, table.key, table.version, table.storage, table.fragments, table.history
        )


class _Line(msgspec.Struct, frozen=True, tag_field="is", omit_defaults=True):
    pass


class Head(_Line, frozen=True, tag="backup"):
    """The first line. `began_at_s`: what was acknowledged by then is in the backup.

    `deletions_kept_s`: a row that was deleted longer ago may be in it no more.
    """

    format: int
    cluster: str
    release: str
    began_at_s: float
    tables: tuple[SavedTable, ...]
    deletions_kept_s: float = 0.0
    at_s: float = 0.0  # of a backup made of another: it has the rows as they were then


class FragmentBegins(_Line, frozen=True, tag="fragment"):
    table: str
    number: Count


class SavedRow(_Line, frozen=True, tag="row"):
    """A row as it was written then. `ends_at_s`: when it deletes itself; 0 is never.

    `batch` is the same for all that was written at once.
    """

    sequence: Count
    at_s: float
    version: Count
    row: msgspec.Raw
    ends_at_s: float = 0.0
    batch: str = ""


class SavedDeletion(_Line, frozen=True, tag="deleted"):
    sequence: Count
    at_s: float
    key: tuple[str | int, ...]
    batch: str = ""


class Cut(_Line, frozen=True, tag="cut"):
    """The fragment's last line: at this sequence nothing was pending, and no batch half done."""

    sequence: Count
    at_s: float
    row_count: Count


class SavedValue(_Line, frozen=True, tag="value"):
    """An entry of a bucket."""

    bucket: str
    key: str
    value: bytes


class Broken(_Line, frozen=True, tag="broken"):
    """The last line of a backup that could not be finished, and why."""

    reason: str


class Whole(_Line, frozen=True, tag="whole"):
    """The last line: how much there is before it, and the SHA-256 of that."""

    line_count: Count
    row_count: Count
    sha256: str


type Line = Head | FragmentBegins | SavedRow | SavedDeletion | Cut | SavedValue | Broken | Whole

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def encoded(line: Line) -> bytes:
    """The line with its end."""
    return _encoder.encode(line) + b"\n"


def decoded(text: bytes | bytearray | memoryview) -> Line:
    """Raises `ValueError` for what is no line of a backup."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is no line of a backup: {error}") from error


def format_of(text: bytes) -> int:
    """The format of a backup by its first line; 0 when that begins no backup."""
    try:
        head = msgspec.json.decode(text, type=_AnyHead)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    return head.format


class _AnyHead(msgspec.Struct, frozen=True, tag_field="is", tag="backup"):
    format: int


class KeyReader:
    """Reads the key out of a table's rows and nothing else of them."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        # Values of other types than these cannot be part of a key.
        self._fields = fields
        shape = msgspec.defstruct(
            "KeyFields",
            [(f"field_{at}", KeyPart.__value__) for at in range(len(fields))],
            rename={f"field_{at}": name for at, name in enumerate(fields)},
            frozen=True,
        )
        self._decoder = msgspec.json.Decoder(shape)

    def key_of(self, line: SavedRow | SavedDeletion) -> Key:
        """The key of what was put or deleted; raises `BackupRefused` when the row has none."""
        if isinstance(line, SavedDeletion):
            return line.key
        try:
            return msgspec.structs.astuple(self._decoder.decode(line.row))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            named = ", ".join(self._fields)
            raise BackupRefused(
                f"The backup is damaged: row {line.sequence} has no key of {named} ({error})."
            ) from error
