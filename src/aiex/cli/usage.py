"""`aiex usage`: who used which model how much, and what it cost."""

from urllib.parse import urlencode

import click

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.keys import KeyList
from aiex.cli.answers.usage import Usage, UsageRow
from aiex.cli.keys import KEYS_PATH, key_by_prefix
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text, print_table
from aiex.money import short_usd_text

HEADINGS = ("KEY", "MODEL", "REQUESTS", "FAILED", "PROMPT", "COMPLETION", "USD")
# The key in the settings goes by this and has no id.
SETTING = "setting"


@click.command()
@click.option("--key", "key_id", metavar="ID", default="", help="Only this key.")
@click.option("--model", metavar="M", default="", help="Only this model, as clients name it.")
@click.option(
    "--since",
    metavar="TIME",
    default="24h",
    show_default=True,
    help="How far back: 30m, 24h, 30d. To the minute within a day, else to the hour.",
)
@output_option
@node_options
def usage(key_id: str, model: str, since: str, output: Output, admin: AdminClient) -> None:
    """Show which key used which model how much.

    Requests that were refused for a limit are not counted. Costs come from the prices in the
    settings.

    \b
    Examples:
      aiex usage
      aiex usage --key 3f9a --since 30d
      aiex usage --since 1h -o json | jq '[.rows[].cost_nano_usd] | add'
    """
    asked = {"since": since}
    if model:
        asked["model"] = model
    if key_id:
        is_id = key_id != SETTING
        known = decoded(admin.get(KEYS_PATH), KeyList).keys if is_id else ()
        asked["key"] = key_by_prefix(known, key_id).id if is_id else key_id
    document = admin.get(f"/admin/v1/usage?{urlencode(asked)}")
    if output == "json":
        print_json_text(document)
        return
    rows = decoded(document, Usage).rows
    if not rows:
        click.echo(f"Nothing was used in the last {since}.")
        return
    print_table(HEADINGS, [_cells(row) for row in [*rows, *_total(rows)]])


def _cells(row: UsageRow) -> tuple[str, ...]:
    name = f"{row.key_name} ({row.key_id})" if row.key_name else row.key_id or "no key"
    counts = (row.requests, row.failures, row.prompt_tokens, row.completion_tokens)
    return (
        name if row.model else "all",
        row.model,
        *(f"{count:,}" for count in counts),
        short_usd_text(row.cost_nano_usd),
    )


def _total(rows: tuple[UsageRow, ...]) -> list[UsageRow]:
    if len(rows) == 1:
        return []
    return [
        UsageRow(
            requests=sum(row.requests for row in rows),
            failures=sum(row.failures for row in rows),
            prompt_tokens=sum(row.prompt_tokens for row in rows),
            completion_tokens=sum(row.completion_tokens for row in rows),
            cost_nano_usd=sum(row.cost_nano_usd for row in rows),
        )
    ]
