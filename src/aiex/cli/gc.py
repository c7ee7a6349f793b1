"""`aiex gc`: how long Python's garbage collector stops a node, and shorter pauses by tuning."""

import click

from aiex.cli.admin_client import AdminClient
from aiex.cli.asked_nodes import NodeAnswer, ask_nodes, on_option
from aiex.cli.duration import Duration
from aiex.cli.misplaced_options import refuse_misplaced_options
from aiex.cli.node_options import LookUp, look_up_options, node_options
from aiex.cli.output import Output, output_option, print_json_text, table_lines
from aiex.performance import DescribeGc, GcState, GcTrial, GcTuning, ResetGc, TuneGc
from aiex.performance.collector import GENERATION_NAMES


@click.group(invoke_without_command=True)
@click.option(
    "--seconds",
    type=Duration(900, 1),
    metavar="TIME",
    default="60s",
    show_default=True,
    help="The window whose pauses are told.",
)
@on_option
@output_option
@look_up_options
@click.pass_context
def gc(context: click.Context, seconds: float, nodes: str, output: Output, look_up: LookUp) -> None:
    """Show how long garbage collection stops a node, and tune it.

    While it collects, nothing else runs. The youngest generation's pauses are short and many; the
    oldest's grow with all that lives in the process.

    \b
    Examples:
      aiex gc
      aiex gc --on all
      aiex gc tune --dry-run     what would be done, and why
      aiex gc tune               do it; measured, and undone if it does not help
      aiex gc reset              as Python has it
    """
    if context.invoked_subcommand is not None:
        refuse_misplaced_options(context)
    else:
        _show_states(look_up(), DescribeGc(seconds), nodes, output)


@gc.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--trial",
    "trial_s",
    metavar="TIME",
    type=Duration(600, 5),
    default="60s",
    show_default=True,
    help="How long each step is measured, before and after.",
)
@on_option
@output_option
@node_options
def tune(dry_run: bool, trial_s: float, nodes: str, output: Output, admin: AdminClient) -> None:
    """Make the pauses shorter: each step is measured, and undone if it does not help."""
    came = ask_nodes(admin, TuneGc(dry_run, trial_s), nodes)
    if output == "json":
        print_json_text(came.document)
        return
    for one in came.asked.answers:
        click.echo("\n".join(tuning_lines(one)))


@gc.command()
@on_option
@output_option
@node_options
def reset(nodes: str, output: Output, admin: AdminClient) -> None:
    """Undo what tuning did: the collector is as Python has it."""
    _show_states(admin, ResetGc(), nodes, output)


def _show_states(
    admin: AdminClient, request: DescribeGc | ResetGc, nodes: str, output: Output
) -> None:
    came = ask_nodes(admin, request, nodes)
    if output == "json":
        print_json_text(came.document)
        return
    click.echo("\n\n".join("\n".join(state_lines(one)) for one in came.asked.answers))


def state_lines(one: NodeAnswer[GcState]) -> list[str]:
    state, window = one.answer, one.answer.window
    rows = [
        (
            name,
            f"{found.collections:,}",
            f"{found.pause_s * 1e3:,.1f} ms",
            f"{found.pause_max_s * 1e3:.1f} ms",
            f"{found.collected:,}",
            f"{found.uncollectable:,}",
        )
        for name, found in zip(GENERATION_NAMES, state.generations, strict=False)
    ]
    headings = ("GENERATION", "COLLECTIONS", "PAUSES", "LONGEST", "FREED", "UNCOLLECTABLE")
    oldest = "when idle, or after growth" if state.is_oldest_deferred else "by Python"
    return [
        f"{one.node}: the collector took {window.share:.2%} of the last {window.seconds:.0f} s; "
        f"longest pause {window.pause_max_ms:.1f} ms, p99 of tenths of a second "
        f"{window.pause_p99_ms:.1f} ms",
        *table_lines(headings, rows),
        f"Thresholds {', '.join(map(str, state.thresholds[:2]))}; the oldest is collected {oldest};"
        f" {state.frozen_objects:,} objects are frozen; tuning is "
        f"{'automatic' if state.is_automatic else 'by hand (`aiex gc tune`)'}.",
        *map(_trial_line, state.trials),
    ]


def _trial_line(trial: GcTrial) -> str:
    if trial.after is None:
        how = "undone by hand" if trial.is_undone else "on trial"
        return f"Step {trial.step}: {how}."
    end = "undone" if trial.is_undone else "kept"
    return (
        f"Step {trial.step}: {trial.verdict}, {end}; longest pause "
        f"{trial.before.pause_max_ms:.1f} -> {trial.after.pause_max_ms:.1f} ms, time in the "
        f"collector {trial.before.share:.2%} -> {trial.after.share:.2%}."
    )


def tuning_lines(one: NodeAnswer[GcTuning]) -> list[str]:
    lines = [f"{one.node}: {one.answer.text}"]
    for proposal in one.answer.proposals:
        lines += [
            f"  {proposal.step}",
            f"    why: {proposal.reason}",
            f"    expected: {proposal.expected}",
        ]
    return lines
