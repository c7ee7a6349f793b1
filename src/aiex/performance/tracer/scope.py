"""What a trace is to look at: functions and a condition, or a refusal in words."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from aiex.errors import CallRefused
from aiex.performance.tracer.compiler import ConditionError
from aiex.performance.tracer.condition import Condition, condition
from aiex.performance.tracer.functions import Found, Modules, TargetUnknown, find
from aiex.performance.tracer.privacy import Privacy
from aiex.performance.tracer.requests import FUNCTIONS_MAX, StartTrace
from aiex.performance.tracer.watched import Watched

OWN_PACKAGE = "aiex.performance.tracer"
NAMES_LISTED_MAX = 8


def watched_functions(asked: StartTrace, modules: Modules) -> tuple[Watched, ...]:
    """The functions that are meant; raises `CallRefused`."""
    if any("*" in one for one in asked.targets) and not asked.each_max:
        raise CallRefused(
            "A target with * needs a limit for each function (--max-each 10), or the busiest "
            "would use up all that is looked at."
        )
    found: dict[int, Found] = {}
    try:
        for target in asked.targets:
            found.update((id(one.code), one) for one in find(target, modules))
    except TargetUnknown as error:
        raise CallRefused(str(error.args[0])) from None
    if len(found) > FUNCTIONS_MAX:
        raise CallRefused(
            f"These are {len(found)} functions; {FUNCTIONS_MAX} are the limit of a trace."
        )
    if any(one.module.startswith(OWN_PACKAGE) for one in found.values()):
        raise CallRefused("The tracer cannot watch itself.")
    return tuple(Watched(one) for one in found.values())


def checked_condition(asked: StartTrace, watched: Sequence[Watched]) -> Condition | None:
    """The condition, if there is one, over arguments of these; raises `CallRefused`."""
    if not asked.when.strip():
        return None
    privacies = {one.returned for one in watched}
    returned = Privacy.SECRET if Privacy.SECRET in privacies else Privacy.UNKNOWN
    try:
        made = condition(
            asked.when,
            is_carried=any(one.is_carrier for one in watched),
            returned=Privacy.CONTENT if Privacy.CONTENT in privacies else returned,
        )
    except ConditionError as error:
        raise CallRefused(error.told()) from None
    names = {name for one in watched for name in one.names}
    unknown = sorted(made.names - names)
    if unknown:
        raise CallRefused(_name_unknown(asked.when, unknown[0], watched))
    if made.needs_end and not asked.has_returns:
        raise CallRefused(
            "How a call ended (returned, raised, took_ms, ran_ms) is known with --returns only."
        )
    return made


def _name_unknown(when: str, name: str, watched: Sequence[Watched]) -> str:
    names = list(dict.fromkeys(name for one in watched for name in one.names))
    near = get_close_matches(name, names, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    listed = ", ".join(names[:NAMES_LISTED_MAX]) or "none"
    place = re.search(rf"\b{re.escape(name)}\b", when)
    error = ConditionError(
        f"'{name}' is no argument of {watched[0].name}; there are {listed}.{hint}",
        when,
        place.start() if place else 0,
    )
    return error.told()
