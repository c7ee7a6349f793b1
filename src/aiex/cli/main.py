"""The `aiex` command: finds the subcommand asked for and imports that one only.

Exit status: 0, 1 for a finding or a failure (one sentence on stderr), 2 for wrong usage, 130 for
Ctrl-C.
"""

import os
import signal
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from aiex.cli.late_failure import has_failed
from aiex.errors import AiexError

INTERRUPTED = 130  # 128 + SIGINT, as shells count
TERMINATED = 143  # 128 + SIGTERM


class Subcommand(NamedTuple):
    """Where a subcommand is, and what `aiex --help` says of it without importing it."""

    module: str
    help: str
    attribute: str = ""  # in the module, where it cannot be the subcommand's own name


SUBCOMMANDS = {
    "up": Subcommand("aiex.cli.up", "Start Aiex on this machine and show that it answers."),
    "chat": Subcommand("aiex.cli.chat", "Talk to a model, or send it one prompt."),
    "status": Subcommand("aiex.cli.status", "Show how a running node is."),
    "cluster": Subcommand("aiex.cli.cluster", "Show the members of the cluster and its leases."),
    "models": Subcommand("aiex.cli.models", "List the models and where their requests go."),
    "keys": Subcommand("aiex.cli.keys", "Make, limit, list and revoke API keys."),
    "usage": Subcommand("aiex.cli.usage", "Show which key used which model how much."),
    "store": Subcommand(
        "aiex.cli.store", "Look into the tables of the cluster, save them and restore them."
    ),
    "hot": Subcommand("aiex.cli.hot", "Show what uses the CPU, or read and change hot values."),
    "top": Subcommand(
        "aiex.cli.top.command", "Watch what nodes do: tasks, functions, memory, requests."
    ),
    "profile": Subcommand("aiex.cli.profile", "Show where a node's time and memory go."),
    "tasks": Subcommand(
        "aiex.cli.tasks", "Show the tasks of a node: counted, listed, or as a tree."
    ),
    "info": Subcommand(
        "aiex.cli.info", "Show what TASK does, what it waits for, and who holds that."
    ),
    "memory": Subcommand("aiex.cli.memory", "Show a node's memory, its limit, and what may leak."),
    "analyze": Subcommand(
        "aiex.cli.analyze", "Say what is wrong with a node, in which function, and what to do."
    ),
    "gc": Subcommand("aiex.cli.gc", "Show how long garbage collection stops a node, and tune it."),
    "loop": Subcommand("aiex.cli.loop", "Show how busy and late a node's loop is, and its stalls."),
    "trace": Subcommand("aiex.cli.trace", "Show calls of functions as they happen, until a limit."),
    "config": Subcommand("aiex.cli.config", "Check and show the settings."),
    "k8s": Subcommand("aiex.cli.k8s", "Look after Aiex in Kubernetes."),
    "import": Subcommand(
        "aiex.cli.import_settings",
        "Make settings of another gateway's configuration.",
        "import_settings",
    ),
    "serve": Subcommand("aiex.cli.serve", "Run one node in the foreground."),
    "completion": Subcommand("aiex.cli.completion", "Print a script that makes Tab complete."),
    "version": Subcommand("aiex.cli.version", "Show the versions in use."),
}


class LazyGroup(click.Group):
    """A group whose commands are modules, imported when one of them runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        subcommand = SUBCOMMANDS.get(cmd_name)
        if subcommand is None:
            return None
        command = getattr(import_module(subcommand.module), subcommand.attribute or cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in SUBCOMMANDS and not name.startswith("-"):
            near = get_close_matches(name, SUBCOMMANDS, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else "'aiex --help' lists what there is."
            raise click.UsageError(f"There is no command '{name}'. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.help) for name, one in SUBCOMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [
            CompletionItem(name, help=one.help)
            for name, one in SUBCOMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
        except AiexError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        if has_failed(ctx):
            ctx.exit(1)
        return result


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="aiex", message="aiex %(version)s")
def root() -> None:
    """Aiex, an AI assistant server that runs itself.

    \b
    Examples:
      aiex up                            start it and see it answer
      aiex chat "What is a mutex?"       ask something
      git diff | aiex chat "review this" ask about something
      aiex status                        how is it?
    """


def main() -> None:
    """Run the command line of this process; does not return.

    It leaves by `os._exit`: threads of the HTTP client and server (Rust) may hold Python objects a
    moment longer, and when one lets go while the interpreter is being taken down the process aborts
    (https://github.com/PyO3/pyo3/pull/4874). The price: nothing may rely on `atexit`.
    """
    if os.getpid() == 1:
        # The kernel does to process 1 only what it asked for: without this, a container told to
        # stop before its node listens for signals would go on until it is killed.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(TERMINATED))
    status = _status()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader of a pipe is gone
            status = status or 1
    os._exit(status)


def _status() -> int:
    """The exit status of the command asked for."""
    try:
        root(prog_name="aiex")
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:
        if isinstance(end.code, str):
            click.echo(end.code, err=True)
            return 1
        return end.code or 0
    except BaseException:  # noqa: BLE001 - a bug, shown as Python would
        traceback.print_exc()
    return 1
