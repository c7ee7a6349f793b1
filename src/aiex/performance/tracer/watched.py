"""A function that is being traced: its code, its arguments, whose texts it carries."""

import inspect
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any

from aiex.performance.tracer.functions import Found
from aiex.performance.tracer.privacy import Privacy, is_carrier, privacy_of

ARGUMENTS_MAX = 16
_SUSPENDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Watched:
    """Of one session. `names` are its arguments in order, `*args` and `**kwargs` among them.

    What it returns has no name; it goes by the function's, which is the nearest there is.
    """

    def __init__(self, found: Found) -> None:
        self.name = found.name
        self.note = found.note
        self.code = found.code
        self.names = _argument_names(found.code)
        self.names_shown = self.names[:ARGUMENTS_MAX]
        self.privacies = tuple(privacy_of(one) for one in self.names_shown)
        self.returned: Privacy = privacy_of(found.code.co_name)
        self.is_carrier = is_carrier(found.module, found.code.co_filename)
        self.may_suspend = bool(found.code.co_flags & _SUSPENDS)
        self.seen_count = 0
        self.takes_new = True

    def arguments(self, frame: FrameType) -> Mapping[str, Any]:
        """What its arguments are now, by name; those it has deleted are missing."""
        return frame.f_locals


def _argument_names(code: CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS)
    count += bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[:count]
