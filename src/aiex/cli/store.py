"""`aiex store`: the tables of the cluster, their rows, backups of them."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import click

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.store import (
    QueryAnswer,
    SeenRows,
    SeenTable,
    SeenTables,
    StoreCounts,
    Verification,
    VerifiedCopy,
)
from aiex.cli.late_failure import fail_in_the_end
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text, print_table
from aiex.cli.store_export import export
from aiex.cli.store_import import import_backup
from aiex.cli.store_text import cell_text, count_cells, read_cells, row_lines, size_text
from aiex.cli.terminal_text import harmless

TABLES_PATH = "/admin/v1/store/tables"
QUERY_PATH = "/admin/v1/store/query"
COUNTS_PATH = "/admin/v1/store/counts"
VERIFY_PATH = "/admin/v1/store/verify"
# Comparing a table of a million rows takes that long on a busy machine.
VERIFY_TIMEOUT_S = 330.0
QUERY_TIMEOUT_S = 20.0
# As many as a node gives at once.
ROWS = click.IntRange(1, 1_000)


@click.group()
def store() -> None:
    """Look into the tables of the cluster, save them and restore them.

    \b
    Examples:
      aiex store tables
      aiex store show keys
      aiex store query "SELECT name, created_by FROM keys WHERE revoked_at IS NULL"
      aiex store verify
      aiex store counts
      aiex store export backup.gz
      aiex store import backup.gz --dry-run
    """


@store.command()
@output_option
@node_options
def tables(output: Output, admin: AdminClient) -> None:
    """List the tables: rows, size, how they are kept, and the copies that nodes have of them.

    A copy is a node's view of the table; "2 behind" is how many changes it has yet to apply. Ends
    with status 1 when a node did not answer.
    """
    document = admin.get(TABLES_PATH)
    seen = decoded(document, SeenTables)
    for failure in seen.failures:
        click.echo(harmless(f"{failure.node} did not answer: {failure.text}"), err=True)
        fail_in_the_end()
    if output == "json":
        print_json_text(document)
    elif seen.tables:
        headings = ("TABLE", "ROWS", "SIZE", "FRAGMENTS", "KEPT", "SEQUENCE", "COPIES")
        print_table(headings, [_table_cells(table) for table in seen.tables])
    else:
        click.echo("There are no tables.")


@store.command()
@click.argument("table")
@click.argument("key", nargs=-1)
@click.option("--limit", type=ROWS, default=100, show_default=True, help="How many rows at most.")
@click.option(
    "--reveal", metavar="FIELD", multiple=True, help="Show a sensitive field; it is logged."
)
@output_option
@node_options
def show(
    table: str,
    key: tuple[str, ...],
    limit: int,
    reveal: tuple[str, ...],
    output: Output,
    admin: AdminClient,
) -> None:
    """Show the rows of TABLE whose keys begin with KEY; a whole key is one row.

    What is sensitive in them (digests of keys, contents of messages) is masked unless its field is
    named. Rows come from the engine, not from a copy. A conversation is a thread: its id without
    `conv_`. Ends with status 1 when there is no such row.

    \b
    Examples:
      aiex store show keys
      aiex store show keys 3f9a01 --reveal digest
      aiex store show threads 5b9785b272a91bc4356387d709353afc
    """
    asked = [("limit", str(limit))]
    asked += [("key", part) for part in key] + [("reveal", field) for field in reveal]
    document = admin.get(f"{TABLES_PATH}/{quote(table, safe='')}/rows?{urlencode(asked)}")
    found = decoded(document, SeenRows)
    if not found.rows:
        fail_in_the_end()
    if output == "json":
        print_json_text(document)
        return
    if not found.rows:
        click.echo("There is no row whose key begins so.")
        return
    click.echo("\n".join(harmless(line) for row in found.rows for line in row_lines(row)))
    if not found.is_all:
        click.echo(
            f"There are more than these {limit}; give more of the key, or --limit.", err=True
        )


@store.command()
@click.argument("sql")
@click.option("--limit", type=ROWS, default=1_000, show_default=True, help="How many rows at most.")
@click.option("--reveal", is_flag=True, help="Show sensitive fields; it is logged.")
@output_option
@node_options
def query(sql: str, limit: int, reveal: bool, output: Output, admin: AdminClient) -> None:
    """Ask a node's copies of the tables in SQL (SQLite's): one SELECT, read-only, for seconds.

    What is sensitive reads as NULL unless --reveal is given.

    \b
    Examples:
      aiex store query "SELECT name, created_at FROM keys ORDER BY created_at"
      aiex store query "SELECT created_by, count(*) FROM keys GROUP BY 1" -o json
    """
    asked = {"sql": sql, "limit": limit, "reveal": reveal}
    document = admin.with_patience(QUERY_TIMEOUT_S).post(QUERY_PATH, asked)
    if output == "json":
        print_json_text(document)
        return
    came = decoded(document, QueryAnswer)
    print_table(came.columns, [[cell_text(value) for value in row] for row in came.rows])
    notes = [f"{len(came.rows):,} rows in {came.took_us / 1000:.1f} ms"]
    if not came.is_all:
        notes.append("there are more; see --limit")
    if came.is_stale:
        notes.append("the copy is stale: the engine was not heard of for seconds")
    click.echo("; ".join(notes) + ".", err=True)


@store.command()
@click.argument("table", required=False)
@output_option
@node_options
def verify(table: str | None, output: Output, admin: AdminClient) -> None:
    """Compare every node's copy of TABLE, or of all tables, with the engine, while both go on.

    Ends with status 1 when a copy differs, or a node did not answer. Such a copy is made anew when
    its file is deleted while the node is stopped.
    """
    path = VERIFY_PATH + (f"?{urlencode({'table': table})}" if table else "")
    document = admin.with_patience(VERIFY_TIMEOUT_S).get(path)
    came = decoded(document, Verification)
    if output == "json":
        print_json_text(document)
    elif not came.verified and not came.failures:
        click.echo("There is nothing to compare: no node has a copy.")
    else:
        headings = ("TABLE", "NODE", "ROWS", "MISSING", "EXTRA", "DIFFERENT", "")
        print_table(headings, list(_verified_cells(came)))
    if came.failures or not all(one.is_equal for one in came.verified):
        click.get_current_context().exit(1)


@store.command()
@output_option
@node_options
def counts(output: Output, admin: AdminClient) -> None:
    """Show how the tables were used through one node since its start, and how long that took.

    First what was asked of the engine, then what was read of the node's own copies by index, then
    what people asked in SQL, its values left out, the costliest first.
    """
    document = admin.get(COUNTS_PATH)
    if output == "json":
        print_json_text(document)
        return
    counted = decoded(document, StoreCounts)
    headings = ("TABLE", "WRITES", "EACH", "CONFLICTS", "READS", "EACH", "SCANS", "EACH", "SIZE")
    print_table(headings, [count_cells(*one) for one in sorted(counted.tables.items())])
    for title, reads in (("INDEX", counted.reads), ("STATEMENT", counted.statements)):
        if reads:
            click.echo()
            columns = ("TABLE", title, "TIMES", "ROWS", "EACH", "IN ALL")
            print_table(columns, [read_cells(one) for one in reads])


store.add_command(export)
store.add_command(import_backup)


def _table_cells(table: SeenTable) -> tuple[str, ...]:
    replicas = {one.replicas for one in table.fragments if one.replicas}
    times = "-".join(str(one) for one in sorted({min(replicas), max(replicas)})) if replicas else ""
    where = "in memory" if table.storage == "memory" else f"on {table.storage}"
    copies = [
        f"{one.node} {one.state}" + (f", {one.lag:,} behind" if one.lag else "")
        for one in table.copies
    ]
    return (
        table.name,
        f"{table.rows:,}",
        size_text(table.bytes),
        str(len(table.fragments)),
        f"{times}x {where}" if times else "not made yet",
        f"{sum(one.sequence for one in table.fragments):,}",
        "; ".join(copies) or "none",
    )


def _verified_cells(came: Verification) -> Iterator[tuple[str, ...]]:
    for one in came.verified:
        yield (
            one.table,
            one.node,
            f"{one.rows:,}",
            f"{one.missing:,}",
            f"{one.extra:,}",
            f"{one.different:,}",
            _verdict(one),
        )
    for failure in came.failures:
        yield "", failure.node, "", "", "", "", f"no answer: {failure.text}"


def _verdict(copy: VerifiedCopy) -> str:
    if copy.is_equal:
        return "equal"
    found = [f"differs, as in {', '.join(copy.examples)}"] if copy.examples else []
    found += [f"damaged: {', '.join(copy.damages)}"] if copy.damages else []
    return "; ".join(found) or "differs"
