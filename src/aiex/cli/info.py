"""`aiex info`: one task in full: how it came to wait, for what, and who holds that."""

import click

from aiex.cli.admin_client import AdminClient
from aiex.cli.asked_nodes import ask_nodes, on_option
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text
from aiex.cli.task_text import description_lines
from aiex.performance import DescribeTask


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
            click.echo("`aiex tasks --sort age` and `aiex tasks --sort name` list those there are.")
    if not any(one.answer.found for one in answers):
        raise click.exceptions.Exit(1)
