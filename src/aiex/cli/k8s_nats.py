"""`aiex k8s nats`: what the chart's CronJob runs, and whoever runs NATS without the chart."""

import asyncio
from pathlib import Path

import click

from aiex.cli.duration import Duration
from aiex.cli.late_failure import fail_in_the_end
from aiex.cli.output import Output, output_option, print_json
from aiex.cli.terminal_text import harmless
from aiex.clock import SystemClock
from aiex.engine import EngineAddress, EngineTls, ShownCertificate, reload_certificates
from aiex.errors import AiexError

# A kubelet brings a renewed Secret to its pods within about two minutes.
PATIENCE_S = 180.0
WAIT_S_MAX = 3600.0
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


class NotUsable(AiexError):
    """What was given cannot be used."""


@click.group()
def nats() -> None:
    """Look after the servers of NATS."""


@nats.command()
@click.option(
    "--server", "servers", metavar="HOST:PORT", multiple=True, required=True, help="Each of them."
)
@click.option("--certificate-file", type=_file, required=True, help="What they are to show.")
@click.option("--ca-file", type=_file, required=True, help="The authority that signed it.")
@click.option("--user", default="system", show_default=True, help="Of the system account.")
@click.option("--password-file", type=_file, required=True, help="That user's.")
@click.option(
    "--wait",
    "patience_s",
    type=Duration(WAIT_S_MAX, has_zero=True),
    metavar="TIME",
    default=f"{PATIENCE_S:g}s",
    show_default=True,
    help="For how long a server is told again.",
)
@output_option
def reload(
    servers: tuple[str, ...],
    certificate_file: Path,
    ca_file: Path,
    user: str,
    password_file: Path,
    patience_s: float,
    output: Output,
) -> None:
    """Have servers of NATS show a renewed certificate, without a restart.

    Each is looked at first, and told to read its files only when it shows another certificate.
    Connections that are open go on. Ends with status 1 when one shows another one in the end.

    \b
    Examples:
      aiex k8s nats reload --server nats-0.nats:4222 --certificate-file tls.crt \\
        --ca-file ca.crt --password-file system-password
    """
    tls = EngineTls(ca_file=str(ca_file))
    try:
        password = password_file.read_text("utf-8").strip()
        certificate = certificate_file.read_bytes()
        addresses = [
            EngineAddress.of_url(f"tls://{one}", user=user, password=password, tls=tls)
            for one in servers
        ]
        shown = asyncio.run(
            reload_certificates(addresses, certificate, patience_s=patience_s, clock=SystemClock())
        )
    except (OSError, ValueError) as error:
        raise NotUsable(f"{error}. Look at --server and at the files.") from error
    if output == "json":
        print_json(shown)
    else:
        click.echo("\n".join(harmless(_line(one)) for one in shown))
    if any(one.trouble for one in shown):
        fail_in_the_end()


def _line(one: ShownCertificate) -> str:
    if one.trouble:
        return (
            f"{one.server} does not show it: {one.trouble.removesuffix('.')}. "
            "Look at its log; a restart has it read its files too."
        )
    return f"{one.server} shows it{', after it was told to' if one.was_told else ' already'}."
