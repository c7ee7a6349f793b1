"""`aiex k8s secrets`: what the chart's Jobs run, and whoever installs without the chart."""

import asyncio
import time

import click
import msgspec

from aiex.cli.kubernetes_options import FindAccess, kubernetes_options
from aiex.cli.output import Output, output_option, print_json
from aiex.kubernetes import KubernetesApi
from aiex.kubernetes.release_secrets import Wanted
from aiex.kubernetes.secret_upkeep import keep_up
from aiex.kubernetes.secret_upkeep import remove as remove_secrets


class ToldChange(msgspec.Struct, frozen=True):
    """One Secret of `make -o json`; what is in it is told to nobody."""

    secret: str
    is_new: bool
    what: str


class ToldRemoval(msgspec.Struct, frozen=True):
    """`remove -o json`; `left` are those of that name that somebody else made."""

    gone: list[str]
    left: list[str]


@click.group()
def secrets() -> None:
    """Make the Secrets of a release in Kubernetes, or remove them.

    They are NAME-secrets, NAME-nats-auth, NAME-nats-ca and NAME-nats-tls.
    """


release_option = click.option(
    "--release", metavar="NAME", required=True, help="What the names of the Secrets begin with."
)


@secrets.command()
@release_option
@click.option("--nodes", is_flag=True, help="Of nodes: admin-token, api-key.")
@click.option("--engine-login", is_flag=True, help="Beside these: engine-user, engine-password.")
@click.option("--nats", is_flag=True, help="Of NATS: route-password, system-password.")
@click.option("--nats-tls", is_flag=True, help="An authority, and a certificate of three years.")
@click.option(
    "--dns-name", "dns_names", metavar="NAME", multiple=True, help="A name in that certificate."
)
@output_option
@kubernetes_options
def make(
    release: str,
    nodes: bool,
    engine_login: bool,
    nats: bool,
    nats_tls: bool,
    dns_names: tuple[str, ...],
    output: Output,
    find_access: FindAccess,
    namespace: str,
) -> None:
    """Make what is missing, and leave what is there as it is.

    Only a certificate that ends within 30 days, or lacks a name, is made anew, by the same
    authority; NATS has to be told then (`aiex k8s nats reload`, daily in the chart). It may run as
    often as anybody likes.

    \b
    Examples:
      aiex k8s secrets make -n models --release aiex --nodes --engine-login --nats
      aiex k8s secrets make -n models --release aiex --nats-tls --dns-name aiex-nats
    """
    if nats_tls != bool(dns_names):
        raise click.UsageError("--nats-tls and --dns-name belong together.")
    if engine_login and not nodes:
        raise click.UsageError("--engine-login is kept beside --nodes; give both.")
    wanted = Wanted(release, nodes, engine_login, nats, dns_names)
    if wanted == Wanted(release):
        raise click.UsageError("Say what to make: --nodes, --nats, --nats-tls.")

    async def run() -> list[ToldChange]:
        async with KubernetesApi(find_access()) as api:
            place = namespace or api.access.namespace
            made = await keep_up(api, place, wanted, time.time)
            return [ToldChange(one.secret, one.is_new, one.why) for one in made]

    done = asyncio.run(run())
    if output == "json":
        print_json(done)
    elif not done:
        click.echo("Nothing is missing.")
    for change in done if output != "json" else ():
        click.echo(f"{change.secret}: {change.what}")


@secrets.command()
@release_option
@output_option
@kubernetes_options
def remove(release: str, output: Output, find_access: FindAccess, namespace: str) -> None:
    """Remove what `make` made; Secrets of these names that somebody else made stay.

    \b
    Examples:
      aiex k8s secrets remove -n models --release aiex
    """

    async def run() -> ToldRemoval:
        async with KubernetesApi(find_access()) as api:
            return ToldRemoval(
                *await remove_secrets(api, namespace or api.access.namespace, release)
            )

    told = asyncio.run(run())
    if output == "json":
        print_json(told)
        return
    click.echo(f"Removed: {', '.join(told.gone) or 'nothing'}.")
    for name in told.left:
        click.echo(f"{name} stays: somebody else made it.")
