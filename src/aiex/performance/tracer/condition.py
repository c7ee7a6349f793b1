"""Conditions on calls: a small language over arguments, with nothing in it that could do harm.

    len(messages) > 20 and not stream
    target.provider == 'openai' and took_ms > 500
    request.model in ('smart', 'fast') or returned is None

Names are arguments, and what is known at a call's end: `returned`, `raised` (a type's name),
`took_ms`, `ran_ms`. Python's parser reads it, and what is not on the list below is refused with its
place. It is turned into closures: there is no `eval`, no code of a value runs, and its size bounds
the time it takes.
"""

import ast
import warnings

import msgspec

from aiex.performance.tracer import operators
from aiex.performance.tracer.compiler import (
    ENDINGS,
    Arguments,
    Compiled,
    Compiler,
    ConditionError,
    Ending,
)
from aiex.performance.tracer.privacy import Privacy

CHARS_MAX = 500


class Condition(msgspec.Struct, frozen=True):
    """`names` are the arguments it reads; `needs_end` when it asks how a call ended."""

    text: str
    names: frozenset[str]
    needs_end: bool
    compiled: Compiled

    def holds(self, arguments: Arguments, ending: Ending) -> bool:
        """Raises `CannotTell` when a value is not there, or is not what it is taken for."""
        return operators.truth(self.compiled(arguments, ending))


def condition(
    text: str, *, is_carried: bool = False, returned: Privacy = Privacy.UNKNOWN
) -> Condition:
    """Raises `ConditionError`. With `is_carried` it sees only such texts as `privacy` lets it.

    `returned` is the privacy of what comes back.
    """
    if len(text) > CHARS_MAX:
        raise ConditionError(
            f"The condition has {len(text)} characters; {CHARS_MAX} are the limit.", text, CHARS_MAX
        )
    compiler = Compiler(text, is_carried, returned)
    compiled = compiler.compiled(_parsed(text), 0)
    names = frozenset(compiler.names)
    return Condition(text, names - set(ENDINGS), bool(names & set(ENDINGS)), compiled.read)


def _parsed(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in a text, say
            return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        # At the end, when that is where something is missing.
        place = (error.offset or len(text.strip()) + 1) - 1
        position = place + len(text) - len(text.lstrip())
        what = "The condition is empty" if not text.strip() else f"Not understood: {error.msg}"
        raise ConditionError(f"{what}.", text, position) from None
    except (ValueError, MemoryError, RecursionError):
        raise ConditionError("Not understood: too deep, or no text.", text, 0) from None
