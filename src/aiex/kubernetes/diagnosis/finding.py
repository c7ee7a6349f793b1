"""A thing that is wrong with a release, and the rule that finds it."""

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from aiex.kubernetes.facts import Facts

type Severity = Literal["serious", "warning"]


class Seen(msgspec.Struct, frozen=True):
    """One piece of evidence: a field of an object (`pod/aiex-0`) and its value."""

    thing: str
    field: str
    value: str

    @property
    def text(self) -> str:
        return f"{self.thing} {self.field}: {self.value}"


class Trouble(msgspec.Struct, frozen=True):
    """What a rule found. `component` is whose; `commands` can be typed as they stand."""

    text: str
    advice: str
    component: str = ""
    seen: tuple[Seen, ...] = ()
    commands: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """`rule` stays the same over releases; `follows` is what most likely comes from it."""

    rule: str
    severity: Severity
    text: str
    advice: str
    component: str = ""
    seen: tuple[Seen, ...] = ()
    commands: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()


type Found = Iterator[Trouble]


class Rule(msgspec.Struct, frozen=True):
    """`meaning` is what `--rules` and the reference say of it.

    What a rule finds is told under the finding of a rule in `after`, of the same component, when
    there is one: a pod without an image is not ready either.
    """

    name: str
    severity: Severity
    meaning: str
    find: Callable[[Facts], Found]
    after: tuple[str, ...] = ()
