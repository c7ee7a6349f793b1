"""`aiex tasks`: which tasks a node's loop has, what they wait for, and how their number grows."""

from typing import Any, Literal, get_args

import click
import msgspec

from aiex.cli.admin_client import AdminClient
from aiex.cli.asked_nodes import Came, ask_nodes, on_option
from aiex.cli.duration import Duration
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text
from aiex.cli.ranking_text import ranking_lines
from aiex.cli.task_text import census_lines, deadlock_lines, list_lines, tree_lines
from aiex.performance import DrawTaskTree, FindDeadlocks, ListTasks, Rank, TakeCensus, Waiting

ROWS = 20
TREE_ROWS = 200
COUNTED_S = 3.0
BY = ("coroutine", "service", "waiting")
SORT = ("age", "newest", "name", "coroutine", "cpu", "steps")
WAITING: tuple[str, ...] = get_args(Waiting.__value__)


class Asked(msgspec.Struct, frozen=True):
    """What the options say."""

    by: Any
    sort: Any
    n: int | None
    seconds: float | None
    service: str
    coroutine: str
    waiting: Any

    def said(self) -> list[str]:
        """The options that were given, but for `-n`."""
        given = {
            "--by": self.by,
            "--sort": self.sort,
            "--seconds": self.seconds,
            "--service": self.service,
            "--coroutine": self.coroutine,
            "--waiting": self.waiting,
        }
        return [name for name, value in given.items() if value]


@click.command()
@click.option("--tree", is_flag=True, help="Draw which task waits for which, or owns it.")
@click.option("--deadlocks", is_flag=True, help="Look for tasks that wait for one another.")
@click.option(
    "--by",
    type=click.Choice(BY),
    default=None,
    help="Count them by this, and CPU and steps too.  [default: coroutine]",
)
@click.option("--sort", type=click.Choice(SORT), default=None, help="List them, the first by this.")
@click.option(
    "-n",
    "n",
    type=click.IntRange(1, 1000),
    default=None,
    help="So many rows.  [default: 20, of a tree 200]",
)
@click.option(
    "--seconds",
    type=Duration(120, 0.1),
    metavar="TIME",
    help=f"With `--sort cpu` or `steps`: how long they are counted.  [default: {COUNTED_S:g}s]",
)
@click.option("--service", metavar="S", default="", help="Only of services that begin so.")
@click.option("--coroutine", metavar="C", default="", help="Only of coroutines that begin so.")
@click.option(
    "--waiting", type=click.Choice(WAITING), default=None, help="Only those that wait so."
)
@on_option
@output_option
@node_options
def tasks(
    tree: bool,
    deadlocks: bool,
    nodes: str,
    output: Output,
    admin: AdminClient,
    **options: Any,
) -> None:
    """Show the tasks of a node: counted, listed, or as a tree.

    Their number by what they wait for shows a storm and a jam; queues show who is late. A deadlock
    is a finding: the exit status is 1.

    \b
    Examples:
      aiex tasks                               by coroutine, with queues
      aiex tasks --by waiting --on all         what all nodes wait for
      aiex tasks --sort age -n 5               the oldest
      aiex tasks --sort cpu --seconds 5        who uses the CPU, counted for five seconds
      aiex tasks --sort cpu --by coroutine     the same, tasks that ended meanwhile included
      aiex tasks --waiting lock --sort age     who waits for a lock
      aiex tasks --tree                        who waits for whom
      aiex tasks --deadlocks                   circles of tasks that wait for one another
      aiex info 17                             one task in full
    """
    if tree and deadlocks:
        raise click.UsageError("--tree and --deadlocks are two questions: ask one of them.")
    asked = Asked(**options)
    _refuse_what_says_nothing(asked, tree=tree, deadlocks=deadlocks)
    n = asked.n or (TREE_ROWS if tree else ROWS)
    has_findings = False
    if deadlocks:
        found = ask_nodes(admin, FindDeadlocks(), nodes)
        has_findings = any(one.answer.deadlocks for one in found.asked.answers)
        _print(found, output, deadlock_lines)
    elif tree:
        _print(ask_nodes(admin, DrawTaskTree(n, asked.service), nodes), output, tree_lines)
    elif asked.sort in ("cpu", "steps"):
        _print_used(admin, asked, nodes, output)
    elif asked.sort or asked.waiting or asked.coroutine or asked.service:
        request = ListTasks(asked.sort or "age", n, asked.coroutine, asked.service, asked.waiting)
        _print(ask_nodes(admin, request, nodes), output, list_lines)
    else:
        _print(
            ask_nodes(admin, TakeCensus(asked.by or "coroutine", n), nodes), output, census_lines
        )
    if has_findings:
        raise click.exceptions.Exit(1)


def _refuse_what_says_nothing(asked: Asked, *, tree: bool, deadlocks: bool) -> None:
    """Raises `UsageError` for options that the question at hand would not hear of."""
    said = asked.said()
    if tree:
        question, deaf = "--tree", [one for one in said if one != "--service"]
    elif deadlocks:
        question, deaf = "--deadlocks", said
    elif asked.sort in ("cpu", "steps"):
        return
    elif asked.seconds:
        raise click.UsageError("--seconds is for --sort cpu and --sort steps, which count.")
    else:
        question, deaf = "a list of tasks", ["--by"] if asked.by and len(said) > 1 else []
    if deaf:
        raise click.UsageError(f"{', '.join(deaf)}: this says nothing of {question}; leave it out.")


def _print_used(admin: AdminClient, asked: Asked, nodes: str, output: Output) -> None:
    if asked.waiting or asked.coroutine or asked.service:
        raise click.UsageError(
            "--sort cpu and --sort steps are of all tasks: leave out --service, --coroutine and "
            "--waiting."
        )
    sort: Literal["cpu", "steps"] = asked.sort
    by = asked.by or "task"
    if by == "waiting":
        raise click.UsageError("CPU and steps are known by coroutine and service, or by task.")
    metric = "cpu_counted" if sort == "cpu" else sort
    seconds = asked.seconds or COUNTED_S
    request = Rank(metric, by, asked.n or ROWS, seconds)
    came = ask_nodes(admin, request, nodes, takes_s=seconds)
    whose = "; --by coroutine has those that ended" if by == "task" else ""
    _print(came, output, lambda one: ranking_lines(one, metric, by, seconds, whose))


def _print(came: Came[Any], output: Output, lines: Any) -> None:
    if output == "json":
        print_json_text(came.document)
    else:
        click.echo("\n\n".join("\n".join(lines(one)) for one in came.asked.answers))
