"""`aiex info`: one task in full: how it came to wait, for what, and who holds that."""

from difflib import get_close_matches

import click

from aiex.cli.admin_client import AdminClient
from aiex.cli.asked_nodes import ask_nodes, on_option
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text
from aiex.cli.task_text import description_lines
from aiex.cli.terminal_text import harmless
from aiex.performance import DescribeTask, ListTasks

# As many as a node lists.
NAMES_MAX = 1000


@click.command()
@click.argument("task")
@on_option
@output_option
@node_options
def info(task: str, nodes: str, output: Output, admin: AdminClient) -> None:
    """Show what TASK does, what it waits for, and who holds that.

    TASK is the id that `aiex tasks --sort age` shows, a task's name, or the beginning of one. When
    no task is called so, the exit status is 1.

    \b
    Examples:
      aiex info 17
      aiex info engine.connection
      aiex info http.api --on all -o json
    """
    came = ask_nodes(admin, DescribeTask(task), nodes)
    answers = came.asked.answers
    if output == "json":
        print_json_text(came.document)
    else:
        click.echo("\n\n".join("\n".join(description_lines(one)) for one in answers))
        if answers and not any(one.answer.found or one.answer.matches for one in answers):
            click.echo(harmless(_hint(task, _names(admin, nodes))))
    if not any(one.answer.found for one in answers):
        raise click.exceptions.Exit(1)


def _names(admin: AdminClient, nodes: str) -> list[str]:
    came = ask_nodes(admin, ListTasks("name", NAMES_MAX), nodes)
    return [task.name for one in came.asked.answers for task in one.answer.tasks]


def _hint(wanted: str, names: list[str]) -> str:
    """The name that was meant, it may be; else where names are."""
    near = get_close_matches(wanted, names, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    return "`aiex tasks --sort name` and `aiex tasks --sort age` list those there are."
