"""What a rule is: a check of all objects of a rendering, under the name its publisher gave it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from scripts.chart.objects import (
    Container,
    Object,
    Objects,
    Pod,
    component_of,
    title,
)

# A fault is told in words; an empty text is no fault.
type Check = Callable[[Objects], Iterator["Fault"]]


@dataclass(frozen=True)
class Fault:
    item: Object
    text: str


@dataclass(frozen=True)
class Finding:
    """What one rule found in one object."""

    rule: str
    item: str
    text: str

    def __str__(self) -> str:
        return f"{self.item}: {self.text} ({self.rule})"


@dataclass(frozen=True)
class Rule:
    name: str
    check: Check
    # Where the check is another than its publisher's, and why.
    differs: str = ""
    # Component -> why the rule does not hold for its objects.
    spared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Skip:
    """A published rule that is not checked here, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Catalogue:
    name: str
    # Where the rules come from, and of which version their list is.
    source: str
    entries: tuple[Rule | Skip, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(one for one in self.entries if isinstance(one, Rule))

    def findings(self, objects: Objects) -> Iterator[Finding]:
        for rule in self.rules:
            for fault in rule.check(objects):
                if component_of(fault.item) not in rule.spared:
                    yield Finding(f"{self.name}/{rule.name}", title(fault.item), fault.text)


def of_kind(*kinds: str) -> Callable[[Callable[[Object, Objects], str]], Check]:
    """A check of each object of these kinds; of each object when none is named."""

    def of(fault: Callable[[Object, Objects], str]) -> Check:
        def check(objects: Objects) -> Iterator[Fault]:
            for one in objects.of(*kinds) if kinds else objects:
                if text := fault(one, objects):
                    yield Fault(one, text)

        return check

    return of


def of_pods(fault: Callable[[Pod, Objects], str]) -> Check:
    def check(objects: Objects) -> Iterator[Fault]:
        for pod in objects.pods:
            if text := fault(pod, objects):
                yield Fault(pod.owner, text)

    return check


def of_containers(fault: Callable[[Container], str]) -> Check:
    def check(objects: Objects) -> Iterator[Fault]:
        for pod in objects.pods:
            for one in pod.containers:
                if text := fault(one):
                    yield Fault(pod.owner, f"container {one.name}: {text}")

    return check


def of_served_containers(fault: Callable[[Container], str]) -> Check:
    """Those that run as long as their pod, where the pod is not made to end."""
    return of_containers(lambda one: "" if one.is_init or one.pod.ends else fault(one))
