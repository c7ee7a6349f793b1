"""Options before a subcommand, of a command that does something on its own too.

`aiex gc --on all tune` would tune one node only: what is said before `tune` is for `aiex gc`.
"""

import click
from click.core import ParameterSource


def refuse_misplaced_options(context: click.Context) -> None:
    """Raises `UsageError` when options were given that the subcommand would not hear of."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"{', '.join(given)} before '{context.invoked_subcommand}' says nothing; options of "
            "a subcommand come after it."
        )
