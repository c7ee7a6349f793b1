"""A step of the acceptance, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.k8s.load_log import LoadReport

if TYPE_CHECKING:
    from tests.k8s.stage import Stage

type Verdict = Literal["passed", "failed", "skipped", "not run"]


@dataclass(slots=True)
class Notes:
    """What a step finds out, written down as it goes, so that one that breaks off tells it too."""

    took_s: float = 0.0
    load: LoadReport | None = None
    complaints: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


class Skipped(Exception):
    """This cluster lacks what the step is about; the message says what."""


@dataclass(frozen=True, slots=True)
class Step:
    """`run` raises `Unfulfilled` when the cluster does not do what it should, and `Skipped`."""

    name: str
    does: str
    run: Callable[["Stage", Notes], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    step: str
    verdict: Verdict
    took_s: float = 0.0
    load: LoadReport | None = None
    complaints: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
