"""A failure that does not keep a command from its work, and makes its exit status 1 in the end.

One node of several that is silent is such a one: what the others say is told all the same.
"""

import click

_KEY = "aiex.cli.late_failure"


def fail_in_the_end() -> None:
    """Let the command that runs now go on, and end with status 1."""
    click.get_current_context().meta[_KEY] = True


def has_failed(context: click.Context) -> bool:
    """Whether the command of this context has to end so."""
    return _KEY in context.meta
