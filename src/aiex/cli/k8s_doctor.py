"""`aiex k8s doctor`: what is wrong with a release in Kubernetes, and what to do."""

import asyncio
import os
import time
from pathlib import Path

import click
import msgspec

from aiex.cli.k8s_doctor_text import examined_lines, rule_lines
from aiex.cli.kubernetes_options import FindAccess, kubernetes_options
from aiex.cli.output import Output, output_option, print_json
from aiex.cli.terminal_text import harmless
from aiex.errors import SettingsError
from aiex.kubernetes.diagnosis import RULES
from aiex.kubernetes.examination import Choice, ReleaseUnclear, examined
from aiex.kubernetes.look import Names, Viewpoint
from aiex.settings import Settings, load

FOUND = 1
# Where the chart has a node's settings; whoever looks from a node's pod has them too.
SETTINGS_FILE = Path("/etc/aiex/aiex.toml")


class ToldRule(msgspec.Struct, frozen=True):
    """`--rules -o json`."""

    name: str
    severity: str
    meaning: str


@click.command()
@click.option(
    "--release", metavar="NAME", default="", help="The Helm release, if there are several."
)
@click.option(
    "--read-secrets",
    is_flag=True,
    help="Read the Secrets that pods name: are all keys there, when does the certificate of NATS "
    "end? Needs the right to get secrets. No value is shown.",
)
@click.option(
    "--dns-only", is_flag=True, help="Do not ask the Kubernetes API, but DNS and what it names."
)
@click.option(
    "--dns-server", metavar="ADDRESS", default="", help="Ask this DNS server, not the system's."
)
@click.option(
    "--nats-ca",
    metavar="FILE",
    default="",
    help="PEM file of the authority of NATS; in a node's pod the node's own.",
)
@click.option("--rules", is_flag=True, help="List what is looked for, and end.")
@output_option
@kubernetes_options
def doctor(
    release: str,
    read_secrets: bool,
    dns_only: bool,
    dns_server: str,
    nats_ca: str,
    rules: bool,
    output: Output,
    find_access: FindAccess,
    namespace: str,
) -> None:
    """Say what is wrong with a release in Kubernetes, why, and what to type.

    It works from a laptop (a kubeconfig), in a pod with a service account, and in a pod with
    nothing: then by DNS, by ports, and by what nodes and NATS say. It changes nothing, and reads no
    Secret unless asked to. Exit status 1 when something is wrong.

    \b
    Examples:
      aiex k8s doctor -n aiex
      aiex k8s doctor --context production --release aiex --read-secrets
      kubectl exec deploy/aiex -- aiex k8s doctor
      aiex k8s doctor -o json | jq -r '.findings[].text'
    """
    if rules:
        _print_rules(output)
        return
    settings = _node_settings()
    view = Viewpoint(
        is_node=settings is not None,
        admin_token=_admin_token(settings),
        nats_ca_file=nats_ca or (settings.engine.tls_ca_file if settings is not None else ""),
    )
    choice = Choice(namespace, release, reads_secrets=read_secrets, asks_api=not dns_only)
    try:
        names = Names(dns_server)
    except ValueError as error:
        raise click.UsageError(f"--dns-server is no address: {error}.") from error
    try:
        found = asyncio.run(examined(choice, find_access, names, view, now_s=time.time()))
    except ReleaseUnclear as error:
        raise click.UsageError(str(error)) from error
    if output == "json":
        print_json(found)
    else:
        for line in examined_lines(found):
            click.echo(harmless(line))
    if not found.is_sound:
        click.get_current_context().exit(FOUND)


def _print_rules(output: Output) -> None:
    if output == "json":
        print_json([ToldRule(one.name, one.severity, one.meaning) for one in RULES])
    else:
        click.echo("\n".join(rule_lines(RULES)))


def _node_settings() -> Settings | None:
    """The settings of the node in whose pod this runs; None anywhere else."""
    if not SETTINGS_FILE.is_file():
        return None
    try:
        return load(SETTINGS_FILE, os.environ, {}).settings
    except SettingsError:
        return None  # the node says so itself, where it does not start


def _admin_token(settings: Settings | None) -> str:
    """The token of a node's pod, or the one that is given as to other commands."""
    if settings is not None and settings.admin.token is not None:
        return settings.admin.token.reveal()
    return os.environ.get("AIEX_ADMIN__TOKEN", "")
