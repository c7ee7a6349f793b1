"""`aiex serve`: one node in the foreground; what a pod or a systemd unit runs."""

import os
from importlib.metadata import version

import click

from aiex.cli.allocators import set_allocators
from aiex.cli.settings_options import GivenSettings, settings_options


@click.command()
@settings_options
def serve(given: GivenSettings) -> None:
    """Run one node in the foreground.

    Its log goes to standard output. SIGTERM or Ctrl-C drains it: requests and streams in flight
    finish first; a second one stops it now. Exit status: 0 stopped in good order, 1 it could not
    start or go on, 2 wrong usage.

    \b
    Examples:
      aiex serve
      aiex serve --port 9000 --set log.level=debug
      aiex serve --config /etc/aiex/aiex.toml
    """
    settings = given.load().settings
    set_allocators(os.environ)
    # Imported here: reading the settings is enough to find most mistakes.
    from aiex.node import data_path, meeting_path, node_name, run_node, runtime_path

    data_home = os.environ.get("XDG_DATA_HOME", "")
    data_dir = data_path(settings.node.data_dir, node_name(settings), data_home)
    runtime_dir = runtime_path(os.environ.get("XDG_RUNTIME_DIR", ""))
    run_node(
        settings,
        data_dir=data_dir,
        runtime_dir=runtime_dir,
        meeting_dir=meeting_path(settings.cluster.name, data_home),
        version=version("aiex"),
    )
