"""Sentences of findings, cut into lines that a terminal shows whole."""

import textwrap

WIDTH = 80
# Longer heads would leave too little room beside them.
HEAD_CHARS_MAX = 13


def wrapped(head: str, text: str) -> list[str]:
    """The text after its head, in lines; those after the first begin below the text."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head) if len(head) <= HEAD_CHARS_MAX else "  ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]
