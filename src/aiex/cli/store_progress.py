"""How far long work is: a line that is painted over on a terminal, nothing in a pipe."""

import sys
import time

import click

EVERY_S = 0.2


class Progress:
    """Call `tell` as often as there is news; `end` before anything else is printed."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._is_shown = sys.stderr.isatty() and not is_quiet
        self._next_at_s = 0.0
        self._is_on_line = False

    def tell(self, text: str) -> None:
        now_s = time.monotonic()
        if self._is_shown and now_s >= self._next_at_s:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)
            self._next_at_s = now_s + EVERY_S
            self._is_on_line = True

    def end(self) -> None:
        if self._is_on_line:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._is_on_line = False
