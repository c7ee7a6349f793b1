"""What loaded code does with what it calls by a name: read off its steps, no source is needed.

`self._rows.append(row)` appends, `CACHE[key] = page` stores an item, `self._rows = []` empties. An
item or an attribute of what is called so counts as it does: `ROWS[account].append(row)`.

Limit: what is handed to a function as an argument is not followed.
"""

import dis
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import NamedTuple

STORES_ITEM, DELETES_ITEM, EMPTIES, REMAKES, KEEPS_BELOW = (
    "[]=",
    "del []",
    "= []",
    "= … it …",
    "len() <",
)
# So many steps of the interpreter after the name it is over: a value may be made over some lines.
REACH = 60
COMPARED_REACH = 10
_EMPTY = ("BUILD_LIST", "BUILD_MAP", "BUILD_SET")


class Use(NamedTuple):
    """`verb` is a method that is called or taken, or one of the above."""

    verb: str
    line: int


def uses(code: CodeType, name: str) -> Iterator[Use]:
    """In the order of the code; none where it does not know the name."""
    names = (code.co_names, code.co_freevars, code.co_cellvars, code.co_varnames)
    if not any(name in one for one in names):
        return
    steps = list(dis.get_instructions(code))
    for place, step in enumerate(steps):
        if step.argval != name or not step.opname.startswith(("LOAD", "STORE")):
            continue
        if step.opname.startswith("STORE"):
            verb = EMPTIES if _stores_empty(steps, place) else ""
        elif _is_kept_below(steps, place):
            verb = KEEPS_BELOW
        else:
            verb = _verb(steps[place + 1 : place + 1 + REACH], name)
        if verb:
            yield Use(verb, _line(step))


def _verb(steps: Sequence[dis.Instruction], name: str) -> str:
    """What these steps do with what was on top of the stack before them; empty: nothing of note.

    `above` is how much lies on top of it.
    """
    above, is_copied = 0, False
    for place, step in enumerate(steps):
        if above == 0 and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            if step.argval in METHODS:
                return str(step.argval)
            above = int(step.opname == "LOAD_METHOD" or bool(step.arg and step.arg & 1))
            continue
        if step.opname in _ITEM_VERBS and above <= 1 + is_copied:
            return _ITEM_VERBS[step.opname] if above > 0 else ""
        if above == 1 and _takes_item(step):
            above = 0
            continue
        # `rows[key] += 1` has its own copies of the two.
        is_copied = is_copied or step.opname == "COPY"
        above += dis.stack_effect(step.opcode, step.arg, jump=False)
        if above < 0:  # it went into something else: perhaps into a new value of it
            rest = steps[place:]
            is_remade = any(one.argval == name and one.opname.startswith("STORE") for one in rest)
            return REMAKES if is_remade else ""
    return ""


def _is_kept_below(steps: Sequence[dis.Instruction], place: int) -> bool:
    """`len(rows) < 100`: the call before, what it is compared with, the comparison."""
    if not any(step.argval == "len" for step in steps[max(0, place - 4) : place]):
        return False
    for step in steps[place + 1 : place + COMPARED_REACH]:
        if step.opname == "COMPARE_OP":
            return str(step.argval).startswith("<")
        if step.opname == "POP_TOP" or step.opname.startswith("STORE"):
            return False
    return False


def _takes_item(step: dis.Instruction) -> bool:
    # Since Python 3.14 it is a binary operation like others.
    is_operation = step.opname == "BINARY_OP" and step.argrepr == "[]"
    return step.opname == "BINARY_SUBSCR" or is_operation


def _stores_empty(steps: Sequence[dis.Instruction], place: int) -> bool:
    """`rows = []`, `self._rows = {}`: nothing between but whose attribute it is."""
    return any(step.opname in _EMPTY and step.arg == 0 for step in steps[max(0, place - 3) : place])


def _line(step: dis.Instruction) -> int:
    return step.positions.lineno or 0 if step.positions else 0


_ITEM_VERBS = {"STORE_SUBSCR": STORES_ITEM, "DELETE_SUBSCR": DELETES_ITEM, "STORE_SLICE": EMPTIES}
ADDING = frozenset(
    (
        "add",
        "append",
        "appendleft",
        "extend",
        "extendleft",
        "insert",
        "put",
        "put_nowait",
        "setdefault",
        "update",
        "write",
        "writelines",
        STORES_ITEM,
    )
)
REMOVING = frozenset(
    (
        "clear",
        "difference_update",
        "discard",
        "pop",
        "popitem",
        "popleft",
        "remove",
        "truncate",
        DELETES_ITEM,
        EMPTIES,
        KEEPS_BELOW,
    )
)
METHODS = ADDING | REMOVING
