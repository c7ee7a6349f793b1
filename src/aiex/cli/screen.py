"""Lines that are shown again and again at the same place of a terminal."""

import sys

import click

# Repainting from the top left, erasing line by line, does not flicker as clearing would.
_CLEAR, _HOME, _END_OF_LINE, _ERASE_BELOW = "\x1b[2J", "\x1b[H", "\x1b[K\n", "\x1b[J"


def is_screen() -> bool:
    """Whether somebody sees the standard output, so that it can be repainted."""
    return sys.stdout.isatty()


def clear() -> None:
    """Begin with an empty screen."""
    click.echo(_CLEAR, nl=False)


def paint(lines: list[str]) -> None:
    """Show these lines, and nothing else."""
    painted = "".join(line + _END_OF_LINE for line in lines)
    click.echo(_HOME + painted + _ERASE_BELOW, nl=False)
