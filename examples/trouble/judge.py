"""Did a finding name what was planted? Facts in, verdict out; nothing here asks a node.

A finding names a fault with its cause and, where functions are to blame, one of them; else it has
to mention who it is: a service, a key, a provider.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from examples.trouble.fault import Truth

# Of a truth's cause, what says the same to whoever has to mend it: they would look at the same
# line and see it. Nothing else counts.
SYNONYMS: Mapping[str, frozenset[str]] = {
    "thread_lock": frozenset({"blocking_call"}),  # waiting for a lock is a call that blocks
    "slow_subprocess": frozenset({"blocking_call"}),
    "serialisation": frozenset({"c_call"}),  # the functions that serialise are written in C
    "manual_gc": frozenset({"gc_thrash"}),
}
# What follows from a cause, and is true where it has been named.
CONSEQUENCES: Mapping[str, frozenset[str]] = {
    "blocking_call": frozenset({"overload"}),
    "slow_subprocess": frozenset({"overload"}),
    "c_call": frozenset({"overload"}),
    "serialisation": frozenset({"overload"}),
    "long_computation": frozenset({"overload"}),
    "slow_regex": frozenset({"overload"}),
    "task_storm": frozenset({"overload"}),
    "logging": frozenset({"overload"}),
    "gc_thrash": frozenset({"overload"}),
    "manual_gc": frozenset({"overload"}),
    "competing_threads": frozenset({"overload", "starved"}),
    "queue_growth": frozenset({"leak"}),  # what waits in a queue without end is kept
    "leak": frozenset({"memory_limit"}),
    "thread_lock": frozenset({"overload", "full_pool"}),  # who waits for it has a thread
    "flood": frozenset({"overload"}),
    "slow_provider": frozenset({"leak"}),  # requests that wait for it are kept
}

# What other processes of the machine bring about: true where they do, whatever was planted.
CROWDED = frozenset({"starved"})


class Said(msgspec.Struct, frozen=True):
    """What the judge reads of a finding."""

    cause: str
    text: str
    function: str = ""
    service: str = ""
    also: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    follows_from: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """`named` are the kinds that were; `beside` is no alarm, nor does it name anything."""

    named: tuple[str, ...]
    missed: tuple[str, ...]
    beside: tuple[Said, ...]
    false_alarms: tuple[Said, ...]

    @property
    def is_right(self) -> bool:
        """Everything planted was named; what else was said is another question."""
        return not self.missed


def verdict(
    truths: Sequence[Truth], findings: Iterable[Said], *, is_crowded: bool = False
) -> Verdict:
    """On all that was said of one node; on a crowded machine it is one's right to be starved."""
    said = list(findings)
    named = [one.kind for one in truths if any(names(each, one) for each in said)]
    rest = [each for each in said if not any(names(each, one) for one in truths)]
    beside = [
        each
        for each in rest
        if any(belongs(each, one) for one in truths)
        or (is_crowded and (each.cause in CROWDED or each.follows_from in CROWDED))
    ]
    return Verdict(
        tuple(named),
        tuple(one.kind for one in truths if one.kind not in named),
        tuple(beside),
        tuple(each for each in rest if each not in beside),
    )


def names(said: Said, truth: Truth) -> bool:
    """Whether this finding has both the cause and who is to blame."""
    if not any(said.cause == cause or said.cause in same_as(cause) for cause in truth.causes):
        return False
    if truth.functions:
        return said.function in truth.functions
    return _mentions(said, truth.mentions)


def belongs(said: Said, truth: Truth) -> bool:
    """Whether it speaks of the planted module or service, or of what follows from the fault."""
    if any(one in said.follows_from for one in truth.functions):
        return True
    modules = {one.partition(":")[0] for one in truth.functions}
    if said.function.partition(":")[0] in modules or (
        truth.service and said.service == truth.service
    ):
        return True
    return any(said.cause in CONSEQUENCES.get(cause, ()) for cause in truth.causes)


def same_as(cause: str) -> frozenset[str]:
    return SYNONYMS.get(cause, frozenset())


def _mentions(said: Said, word: str) -> bool:
    assert word, "a truth without a function says who is to blame"
    return any(word in text for text in (said.text, said.service, *said.also, *said.evidence))
