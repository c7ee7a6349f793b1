"""All steps in their order, and the choice among them. Pure."""

import difflib
from collections.abc import Sequence

from tests.k8s import steps_engine, steps_life, steps_network, steps_pods
from tests.k8s.step import Step

INSTALL = Step("install", "install under Pod Security restricted, form", steps_life.install)
UNINSTALL = Step("uninstall", "uninstall, with nothing left over", steps_life.uninstall)

STEPS = (
    INSTALL,
    Step("chat", "chat through the Service", steps_life.chat),
    Step("network", "NetworkPolicy: who is let in and out, who is not", steps_network.network),
    Step("scale", "3 -> 6 -> 3 nodes", steps_life.scale),
    Step("upgrade", "rolling upgrade", steps_life.upgrade),
    Step("rollback", "helm rollback", steps_life.rollback),
    Step("evict", "a node evicted; a second server of NATS refused", steps_pods.evict),
    Step("drain", "kubectl drain of a machine", steps_pods.drain),
    Step("pod-kill", "a node killed unannounced", steps_pods.pod_kill),
    Step("nats-kill", "a server of NATS killed unannounced", steps_engine.nats_kill),
    Step("nats-roll", "all servers of NATS replaced one by one", steps_engine.nats_roll),
    Step("quorum", "two servers of NATS away", steps_engine.quorum),
    Step("volume", "a server of NATS moved, with its volume", steps_engine.volume),
    UNINSTALL,
)


class StepUnknown(Exception):
    """There is no such step; the message names those there are."""


def chosen(names: Sequence[str], steps: Sequence[Step] = STEPS) -> list[Step]:
    """The steps of these names in the order of the catalogue; all when none is named.

    Raises `StepUnknown`.
    """
    known = [step.name for step in steps]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise StepUnknown(f"there is no step {name}{hint} Steps: {', '.join(known)}")
    return [step for step in steps if not names or step.name in names]


def with_install(steps: Sequence[Step], *, is_installed: bool) -> list[Step]:
    """Begin with the install, unless there is one or it is chosen anyway."""
    if is_installed or INSTALL in steps:
        return list(steps)
    return [INSTALL, *steps]
