"""Names of foreign things, made fit to be told: none of their own code runs for it.

A task's name, a class's or a function's may be anything, hostile things included: a `str` of a
class of its own, half a surrogate pair, a megabyte. What comes back is plain, short and UTF-8.
"""

import asyncio
from types import CodeType, FrameType

from aiex.performance.profile import Frame

TEXT_LEN_MAX = 200
# Code objects whose names are remembered; beyond these it begins anew, since some make functions
# without end.
FRAMES_LEN_MAX = 4096

_frames: dict[int, tuple[CodeType, Frame]] = {}


def plain(text: object) -> str:
    """`text` if it is a string, cut short, each half of a surrogate pair written as its number."""
    if not issubclass(type(text), str):
        return ""
    short = str.__getitem__(text, slice(0, TEXT_LEN_MAX))  # type: ignore[index]
    return str.encode(short, "utf-8", "backslashreplace").decode()


def type_text(of: object) -> str:
    """`pkg.mod:Class` of a thing, without asking the thing."""
    class_ = type(of)
    space = type.__dict__["__dict__"].__get__(class_)
    module = plain(space.get("__module__", "")) or "builtins"
    return f"{module}:{plain(type.__dict__['__qualname__'].__get__(class_))}"


def task_name(task: "asyncio.Task[object]") -> str:
    return plain(asyncio.Task.get_name(task))


def known_function(code: CodeType) -> Frame | None:
    """As `function_of` told it before, for which no frame is needed."""
    known = _frames.get(id(code))
    return known[1] if known is not None else None


def function_of(code: CodeType, frame: FrameType | None) -> Frame:
    """The function, and the line its definition begins at; `frame` says in which module it is."""
    module = plain(dict.get(frame.f_globals, "__name__")) if frame is not None else ""
    function = f"{module or plain(code.co_filename)}:{plain(code.co_qualname)}"
    made = Frame(function, plain(code.co_filename), code.co_firstlineno)
    if frame is not None:  # else another one may know the module
        if len(_frames) >= FRAMES_LEN_MAX:
            _frames.clear()
        _frames[id(code)] = (code, made)  # holds the code, so that its id stays its own
    return made


def module_of(function: str) -> str:
    return function.partition(":")[0]
