"""`aiex keys`: the API keys that clients send to `/v1`."""

from collections.abc import Sequence

import click

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.keys import Key, KeyList, NewKey
from aiex.cli.key_limits import LimitFields, limit_options, limits_text
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text, print_table
from aiex.errors import AiexError

KEYS_PATH = "/admin/v1/keys"


class KeyNotFound(AiexError):
    """There is no such key; `aiex keys list` shows those there are."""


@click.group()
def keys() -> None:
    """Make, limit, list and revoke API keys.

    On loopback the API is open until the first key is made; from then on clients need one.

    \b
    Examples:
      export AIEX_API_KEY=$(aiex keys create laptop)
      aiex keys create ci --requests-per-minute 60 --models 'gpt-*,sonnet' --budget 50
      aiex keys update 3f9a --budget 80
      aiex keys list
      aiex keys revoke 3f9a
    """


@keys.command()
@click.argument("name")
@limit_options
@output_option
@node_options
def create(name: str, limits: LimitFields, output: Output, admin: AdminClient) -> None:
    """Make an API key called NAME and print it, this once.

    The key alone goes to standard output, so that a script can take it; what is kept of it
    is a hash.
    """
    document = admin.post(KEYS_PATH, {"name": name, **limits})
    if output == "json":
        print_json_text(document)
        return
    made = decoded(document, NewKey)
    click.echo(made.key)
    click.echo(
        f"This is the key '{made.name}' (id {made.id}). It is shown only now: keep it. Clients "
        "send it as 'Authorization: Bearer KEY', `aiex chat` reads it from AIEX_API_KEY.",
        err=True,
    )


@keys.command("list")
@output_option
@node_options
def list_keys(output: Output, admin: AdminClient) -> None:
    """List all API keys, revoked ones too."""
    document = admin.get(KEYS_PATH)
    if output == "json":
        print_json_text(document)
        return
    known = decoded(document, KeyList).keys
    if not known:
        click.echo("There are no API keys. Make one with `aiex keys create NAME`.")
        return
    rows = [
        (
            key.id,
            key.name,
            _day(key.created_at),
            key.created_by,
            _state(key),
            limits_text(key.limits, key.spent_nano_usd),
        )
        for key in known
    ]
    print_table(("ID", "NAME", "CREATED", "BY", "STATE", "LIMITS"), rows)


@keys.command()
@click.argument("key_id", metavar="ID")
@limit_options
@output_option
@node_options
def update(key_id: str, limits: LimitFields, output: Output, admin: AdminClient) -> None:
    """Change the limits of the API key ID, everywhere within a second.

    Limits that are not named stay as they are. What was used already still counts.
    """
    if not limits:
        raise click.UsageError("Name at least one limit to change; see --help.")
    key = key_by_prefix(decoded(admin.get(KEYS_PATH), KeyList).keys, key_id)
    document = admin.patch(f"{KEYS_PATH}/{key.id}", limits)
    if output == "json":
        print_json_text(document)
        return
    changed = decoded(document, Key)
    text = limits_text(changed.limits, changed.spent_nano_usd)
    click.echo(f"The limits of the key '{key.name}' (id {key.id}) are now: {text}.")


@keys.command()
@click.argument("key_id", metavar="ID")
@output_option
@node_options
def revoke(key_id: str, output: Output, admin: AdminClient) -> None:
    """Revoke the API key ID, everywhere within a second.

    The first characters of the id are enough when no other key's id begins so.
    """
    key = key_by_prefix(decoded(admin.get(KEYS_PATH), KeyList).keys, key_id)
    document = admin.delete(f"{KEYS_PATH}/{key.id}")
    if output == "json":
        print_json_text(document)
    else:
        click.echo(f"The key '{key.name}' (id {key.id}) is revoked.")


def key_by_prefix(known: Sequence[Key], prefix: str) -> Key:
    """The one key whose id is `prefix` or begins so; raises `KeyNotFound`."""
    found = [key for key in known if key.id == prefix] or [
        key for key in known if prefix and key.id.startswith(prefix)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{key.id} ({key.name})" for key in found)
        raise KeyNotFound(f"Several keys begin with '{prefix}': {names}. Give more of the id.")
    hint = ""
    if any(key.name == prefix for key in known):
        hint = f" '{prefix}' is a key's name, and names need not be unique: give the id."
    raise KeyNotFound(
        f"No key has an id that begins with '{prefix}'.{hint} `aiex keys list` shows them."
    )


def _day(instant: str) -> str:
    return instant[:16].replace("T", " ")


def _state(key: Key) -> str:
    return f"revoked {_day(key.revoked_at)}" if key.revoked_at else "active"
