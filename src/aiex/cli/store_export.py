"""`aiex store export`: a backup in a file, checked while it is written."""

from collections.abc import Iterable, Iterator
from itertools import batched
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO
from urllib.parse import urlencode

import click
import msgspec

from aiex.cli.admin_client import AdminClient
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json
from aiex.cli.restore_gaps import check_gaps
from aiex.cli.store_instant import Instant, instant_text
from aiex.cli.store_progress import Progress
from aiex.errors import AiexError
from aiex.private_file import private_draft
from aiex.store.backup_file import BackupReader, BackupWriter, lines_of
from aiex.store.backup_line import Cut, FragmentBegins, Head, Line, SavedValue, Whole
from aiex.store.restore_plan import RestorePlan, as_planned

EXPORT_PATH = "/admin/v1/store/export"
# The node itself gives up on a fragment that is silent for 30 s.
SILENCE_S = 60.0
LINES_AT_ONCE = 256


class FileTrouble(AiexError):
    """The file cannot be written."""


class SavedFragment(msgspec.Struct, frozen=True):
    """A fragment in the file: exactly as it was at `sequence`."""

    table: str
    number: int
    sequence: int
    at: str
    rows: int


class Export(msgspec.Struct, frozen=True):
    """What a backup has."""

    file: str
    bytes: int
    cluster: str
    rows: int
    values: int
    fragments: tuple[SavedFragment, ...]
    sha256: str


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--table", "tables", metavar="TABLE", multiple=True, help="Only this table.")
@click.option(
    "--at",
    "at_s",
    type=Instant(),
    metavar="TIME",
    help="The rows as they were then, as far as they are kept: 2026-03-01T12:00Z, or 90m ago.",
)
@click.option("--allow-gaps", is_flag=True, help="With --at: leave out rows that are not kept.")
@output_option
@node_options
def export(
    file: Path,
    tables: tuple[str, ...],
    at_s: float | None,
    allow_gaps: bool,
    output: Output,
    admin: AdminClient,
) -> None:
    """Write a backup of all tables to FILE, while the cluster goes on.

    Each fragment is as it was at one moment after this began, with whole batches. The file is for
    you alone (0600) and is there once it is whole and checked. It holds what people wrote as they
    wrote it; of API keys only hashes.

    \b
    Examples:
      aiex store export /var/backups/aiex-$(date +%F).gz
      aiex store export threads.gz --table threads
      aiex store export noon.gz --at 2026-03-01T12:00Z
    """
    progress = Progress(is_quiet=output == "json")
    asked = urlencode([("table", name) for name in tables])
    pieces = admin.with_patience(SILENCE_S).pieces(
        f"{EXPORT_PATH}?{asked}" if asked else EXPORT_PATH
    )
    try:
        with private_draft(file) as draft:
            if at_s is None:
                made = _checked(draft, pieces, progress)
            else:
                with (
                    RestorePlan(at_s=at_s) as plan,
                    TemporaryFile(dir=file.parent) as whole,
                ):
                    _checked(whole, pieces, progress)
                    made = _as_it_was(draft, whole, plan, progress, may_have_gaps=allow_gaps)
    except OSError as error:
        raise FileTrouble(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        progress.end()
    made = msgspec.structs.replace(made, file=str(file), bytes=file.stat().st_size)
    if output == "json":
        print_json(made)
    else:
        click.echo("\n".join(export_lines(made)))


def export_lines(made: Export) -> list[str]:
    """What is in the file, for people."""
    by_table: dict[str, list[SavedFragment]] = {}
    for fragment in made.fragments:
        by_table.setdefault(fragment.table, []).append(fragment)
    lines = [
        f"{name:<20} {sum(one.rows for one in of_table):>12,} rows   "
        f"sequence {', '.join(str(one.sequence) for one in of_table)} at {of_table[-1].at}"
        for name, of_table in by_table.items()
    ]
    if made.values:
        lines.append(f"{'hot values':<20} {made.values:>12,}")
    return [*lines, f"{made.file}: {made.rows:,} rows, {made.bytes:,} bytes, checked."]


def _checked(draft: BinaryIO, pieces: Iterable[bytes], progress: Progress) -> Export:
    """Write the pieces of a backup as they come; raises `BackupRefused` when it is not whole."""
    reader, contents, size = BackupReader(), _Contents(), 0
    for piece in pieces:
        draft.write(piece)
        size += len(piece)
        for line in reader.lines(piece):
            contents.note(line)
        progress.tell(f"{reader.row_count:,} rows, {size:,} bytes")
    return contents.export(reader.end())


def _as_it_was(
    draft: BinaryIO, whole: BinaryIO, plan: RestorePlan, progress: Progress, *, may_have_gaps: bool
) -> Export:
    """Write the rows of the plan's time, and no others."""
    whole.seek(0)
    plan.read(lines_of(whole))
    check_gaps(plan, may_have_gaps=may_have_gaps)
    whole.seek(0)
    return _checked(draft, _packed(as_planned(lines_of(whole), plan)), progress)


def _packed(lines: Iterable[Line]) -> Iterator[bytes]:
    writer = BackupWriter()
    for bundle in batched(lines, LINES_AT_ONCE):
        yield writer.pieces(bundle)
    yield writer.end()


class _Contents:
    """What a backup has, noted line by line."""

    def __init__(self) -> None:
        self._cluster = ""
        self._fragment = FragmentBegins("", 0)
        self._fragments: list[SavedFragment] = []
        self._value_count = 0

    def note(self, line: Line) -> None:
        match line:
            case Head(cluster=cluster):
                self._cluster = cluster
            case FragmentBegins():
                self._fragment = line
            case Cut():
                one = self._fragment
                self._fragments.append(
                    SavedFragment(
                        one.table,
                        one.number,
                        line.sequence,
                        instant_text(line.at_s),
                        line.row_count,
                    )
                )
            case SavedValue():
                self._value_count += 1
            case _:
                pass

    def export(self, whole: Whole) -> Export:
        return Export(
            "",
            0,
            self._cluster,
            whole.row_count,
            self._value_count,
            tuple(self._fragments),
            whole.sha256,
        )
