"""`aiex store import`: a backup restored, into a cluster of any size."""

import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.store import SeenRows, SeenTable, SeenTables
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json
from aiex.cli.restore_gaps import check_gaps
from aiex.cli.restore_pages import RestorePages
from aiex.cli.restore_report import How, RestoredTable, RestoreReport, report_lines
from aiex.cli.store_instant import Instant, instant_text
from aiex.cli.store_progress import Progress
from aiex.cli.terminal_text import harmless
from aiex.errors import AiexError
from aiex.store.backup_file import lines_of
from aiex.store.restore_plan import RestorePlan, as_planned

TABLES_PATH = "/admin/v1/store/tables"
# A page is written within the store's own deadline, or refused; then it is sent again.
PAGE_TIMEOUT_S = 60.0


class RestoreRefused(AiexError):
    """Nothing was restored."""


def how_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --empty-only, --merge and --replace; the command gets `how`, at most one of them."""

    @click.option("--empty-only", is_flag=True, help="Only into tables without rows.  [default]")
    @click.option("--merge", is_flag=True, help="Rows that are there already stay.")
    @click.option("--replace", is_flag=True, help="The tables become those of the backup.")
    @functools.wraps(command)
    def with_how(
        *args: object, empty_only: bool, merge: bool, replace: bool, **others: Any
    ) -> None:
        if empty_only + merge + replace > 1:
            raise click.UsageError("Choose one of --empty-only, --merge and --replace.")
        how: How = "merge" if merge else "replace" if replace else "empty-only"
        command(*args, how=how, **others)

    return with_how


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--table", "tables", metavar="TABLE", multiple=True, help="Only this table.")
@how_options
@click.option(
    "--at",
    "at_s",
    type=Instant(),
    metavar="TIME",
    help="The rows as they were then, as far as they are kept: 2026-03-01T12:00Z, or 90m ago.",
)
@click.option("--allow-gaps", is_flag=True, help="With --at: leave out rows that are not kept.")
@click.option("--dry-run", is_flag=True, help="Check the file and say what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask before rows are replaced.")
@output_option
@node_options
def import_backup(
    file: Path,
    tables: tuple[str, ...],
    how: How,
    at_s: float | None,
    allow_gaps: bool,
    dry_run: bool,
    yes: bool,
    output: Output,
    admin: AdminClient,
) -> None:
    """Restore the backup in FILE: all of its tables, or some.

    The file is read and checked as a whole before anything is written. The cluster may have another
    size than the one that was saved, and tables other numbers of fragments. A restore that broke
    off goes on when it is begun again with --merge, or with --replace if that was it.

    Ends with status 1 when rows were refused; they are named.

    \b
    Examples:
      aiex store import backup.gz --dry-run
      aiex store import backup.gz
      aiex store import backup.gz --replace --at 2026-03-01T12:00Z
    """
    progress = Progress(is_quiet=output == "json")
    patient = admin.with_patience(PAGE_TIMEOUT_S)
    try:
        with file.open("rb") as backup, RestorePlan(at_s=at_s, tables=tables) as plan:
            progress.tell("the file is checked")
            plan.read(lines_of(backup))
            check_instant(plan)
            check_gaps(plan, may_have_gaps=allow_gaps)
            known = {one.name: one for one in decoded(admin.get(TABLES_PATH), SeenTables).tables}
            check_fit(plan, known, tables)
            report = _planned(plan, file, how, is_dry_run=dry_run)
            if how == "empty-only":
                _check_empty(admin, report)
            if not dry_run:
                _confirm(report, is_sure=yes)
                backup.seek(0)
                pages = RestorePages(patient, report, progress)
                pages.send(as_planned(lines_of(backup), plan), plan)
                if how == "replace":
                    pages.clear(known)
    except OSError as error:
        raise RestoreRefused(f"{file} cannot be read: {error.strerror}.") from error
    finally:
        progress.end()
    if output == "json":
        print_json(report)
    else:
        click.echo("\n".join(harmless(line) for line in report_lines(report)))
    if report.refused_count:
        click.get_current_context().exit(1)


def check_instant(plan: RestorePlan) -> None:
    """Raises `RestoreRefused` for a moment that the backup has nothing of: it was made before."""
    ends_at_s = plan.head.at_s or plan.head.began_at_s
    if plan.at_s is not None and plan.at_s > ends_at_s:
        raise RestoreRefused(
            f"The backup has the rows of {instant_text(ends_at_s)}, and nothing of later. "
            "Choose an earlier time, or leave out --at."
        )


def check_fit(plan: RestorePlan, known: Mapping[str, SeenTable], asked: tuple[str, ...]) -> None:
    """Raises `RestoreRefused` when the node cannot have a table of the backup, or it has none."""
    saved = {table.name: table for table in plan.head.tables}
    for name in asked:
        if name not in saved:
            there = ", ".join(saved) or "none"
            raise RestoreRefused(f"The backup has no table {name}; it has {there}.")
    for name in asked or saved:
        there_is = known.get(name)
        if there_is is None:
            raise RestoreRefused(
                f"The node knows no table {name}: its release is another than {plan.head.release}, "
                "which made the backup. Restore with that release, or name the tables by --table."
            )
        if there_is.key != saved[name].key:
            raise RestoreRefused(
                f"Rows of {name} are named by {', '.join(there_is.key)} here, and by "
                f"{', '.join(saved[name].key)} in the backup: restore it with the release "
                f"{plan.head.release}."
            )


def _planned(plan: RestorePlan, file: Path, how: How, *, is_dry_run: bool) -> RestoreReport:
    gaps = plan.gap_counts()
    tables = [
        RestoredTable(name, count, gaps=gaps.get(name, 0))
        for name, count in plan.row_counts().items()
    ]
    at_s = plan.at_s or plan.head.at_s
    at = instant_text(at_s) if at_s else ""
    return RestoreReport(str(file), plan.head.cluster, how, at, is_dry_run, tables)


def _check_empty(admin: AdminClient, report: RestoreReport) -> None:
    for one in report.tables:
        path = f"{TABLES_PATH}/{one.table}/rows?limit=1"
        if decoded(admin.get(path), SeenRows).rows:
            raise RestoreRefused(
                f"The table {one.table} has rows. Add --merge to keep them and write those that "
                "are missing, --replace to make the table that of the backup, or --table to "
                "restore others."
            )


def _confirm(report: RestoreReport, *, is_sure: bool) -> None:
    if report.how != "replace" or is_sure:
        return
    if not sys.stdin.isatty():
        raise RestoreRefused("Nobody is there to say whether rows may be replaced. Add --yes.")
    names = ", ".join(one.table for one in report.tables)
    click.confirm(harmless(f"Replace all rows of {names}?"), abort=True)
