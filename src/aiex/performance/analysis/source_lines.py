"""What a function calls, read off its source: names as they are written, never what they hold.

A C function has no frame, so a stack ends with who called it. Its line says which: `time.sleep`,
`self._pattern.fullmatch`, `json.dumps`.
"""

import ast
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from aiex.performance.analysis.evidence import Line
from aiex.performance.profile import Frame

FILES_MAX = 40
SOURCE_BYTES_MAX = 2_000_000
CALLS_MAX = 40
# Of CPU, which on a busy loop is taken from it; who is most likely to blame is read first.
READ_S_MAX = 2.0

type Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class SourceLines:
    """Reads files; each at most once, and so many at most."""

    def __init__(self) -> None:
        self._trees: dict[str, ast.Module | None] = {}

    def read(self, frames: Sequence[Frame]) -> dict[str, Line]:
        """By `file:line` for the line itself, and by the function's name for all of it."""
        found: dict[str, Line] = {}
        until_s = time.thread_time() + READ_S_MAX
        for frame in frames:
            if time.thread_time() > until_s:
                break
            tree = self._tree(frame.file)
            if tree is None:
                continue
            function = _function_at(tree, frame.line)
            if function is None:
                continue
            patterns = _patterns(frame.file)
            calls = [one for one in ast.walk(function) if isinstance(one, ast.Call)]
            awaited = [one.value for one in ast.walk(function) if isinstance(one, ast.Await)]
            found[frame.function] = _line(calls, patterns, awaited)
            first, last = frame.line, frame.line
            at = [one for one in calls if one.lineno <= last and (one.end_lineno or 0) >= first]
            entered = any(_enters(one, frame.line) for one in ast.walk(function))
            if at or entered:
                line = _line(at, patterns, awaited, takes_lock=entered)
                found[place(frame)] = _with_callee(line, at, frame.function, tree)
            elif ending := _end_of_round(function, frame.line):
                found[place(frame)] = _with_callee(Line(), ending, frame.function, tree)
        return found

    def _tree(self, file: str) -> ast.Module | None:
        if file not in self._trees:
            self._trees[file] = _parsed(file) if len(self._trees) < FILES_MAX else None
        return self._trees[file]


def frame_of(function: str) -> Frame | None:
    """Of a function that is loaded, by its name in profiles; None when it is not found so."""
    module, _, path = function.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    code = getattr(getattr(found, "__wrapped__", found), "__code__", None)
    return Frame(function, code.co_filename, code.co_firstlineno) if code is not None else None


def place(frame: Frame) -> str:
    return f"{frame.file}:{frame.line}"


def _parsed(file: str) -> ast.Module | None:
    try:
        with Path(file).open("rb") as source:
            text = source.read(SOURCE_BYTES_MAX)
        return ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return None


def _function_at(tree: ast.Module, line: int) -> Function | None:
    """The innermost function that has the line; a definition's line may be its decorator's."""
    found: Function | None = None
    for one in ast.walk(tree):
        if not isinstance(one, _FUNCTIONS):
            continue
        decorators: list[Any] = getattr(one, "decorator_list", [])
        first = min([one.lineno, *(each.lineno for each in decorators)])
        if first <= line <= (one.end_lineno or first) and (
            found is None or one.lineno >= found.lineno
        ):
            found = one
    return found


def _enters(node: ast.AST, line: int) -> bool:
    if not isinstance(node, ast.With):
        return False
    items = [one.context_expr for one in node.items]
    return any(one.lineno <= line <= (one.end_lineno or one.lineno) for one in items)


def _end_of_round(function: Function, line: int) -> list[ast.Call]:
    """What the last statement of a `while` calls, whose first line that is.

    Going round is where the interpreter lets others look next.
    """
    for one in ast.walk(function):
        if isinstance(one, ast.While) and one.lineno == line:
            return [each for each in ast.walk(one.body[-1]) if isinstance(each, ast.Call)]
    return []


def _line(
    calls: Sequence[ast.Call],
    patterns: frozenset[str],
    awaited: Sequence[ast.expr],
    *,
    takes_lock: bool = False,
) -> Line:
    names = [name for call in calls if (name := _dotted(call.func))]
    called = {_dotted(call.func) for call in calls if call not in awaited}
    waits = tuple(dict.fromkeys(name for name in names if name not in called))
    is_regex = any(name.rpartition(".")[0] in patterns for name in names)
    takes = takes_lock or any(name.rpartition(".")[2] == "acquire" for name in names)
    return Line(tuple(dict.fromkeys(names))[:CALLS_MAX], takes, is_regex, waits)


def _with_callee(line: Line, at: Sequence[ast.Call], function: str, tree: ast.Module) -> Line:
    """The line with the function of this file that it calls, when that is all it calls."""
    if len(at) != 1:
        return line
    owner, _, name = _dotted(at[0].func).rpartition(".")
    class_name = function.partition(":")[2].rpartition(".")[0].rpartition(".")[2]
    for scope in tree.body if owner == "self" else (tree,):
        if owner == "self" and not (isinstance(scope, ast.ClassDef) and scope.name == class_name):
            continue
        for one in getattr(scope, "body", ()) if owner in ("", "self") else ():
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == name:
                path = f"{class_name}.{name}" if owner else name
                return msgspec.structs.replace(line, callee=path, callee_line=one.lineno)
    return line


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "?")
    return ".".join(reversed(parts))


def _patterns(file: str) -> frozenset[str]:
    """Names of the module in that file that are compiled patterns, or the module `re` itself."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == file:
            held = list(vars(module).copy().items())
            return frozenset(
                name for name, value in held if isinstance(value, re.Pattern) or value is re
            )
    return frozenset()
