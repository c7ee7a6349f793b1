"""What is not as it should be in a cluster of a lab, in words; nothing when all is well."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiex.testing.lab_cluster import LabCluster
from aiex.testing.node_process import AdminRefused, NodeProcess

# From when nothing is broken any more until every node knows it.
MEMBERS_S = 5.0
# A stream whose leader was lost takes no writes for 4 to 8 s (Raft's own timers), at some heals
# again for as long; a server whose disc was full is restarted once it is noticed.
WRITES_S = 20.0
# A watch brings a change to every node at once, when all is well.
SEEN_S = 5.0
# A lease is written like anything else, and is left to its holder for a while before that.
LEASES_S = 15.0
# Tasks that a node may have more than at the beginning: a scrape, a request and a probe under way.
TASKS_MORE_MAX = 6
POLL_S = 0.1


def until_well(look: Callable[[], list[str]], timeout_s: float) -> tuple[list[str], float]:
    """What `look` still finds after that long, and after how many seconds it found nothing."""
    began_s = time.monotonic()
    while (found := look()) and time.monotonic() - began_s < timeout_s:
        time.sleep(POLL_S)
    return found, time.monotonic() - began_s


class LabInspection:
    """Looks at all nodes of a cluster through their admin APIs."""

    def __init__(self, cluster: LabCluster) -> None:
        self._cluster = cluster
        self._tasks_at_first: dict[str, float] = {}
        self._fences: dict[str, int] = {}
        self._kept_keys: set[str] = set()

    def members(self) -> list[str]:
        """Do all nodes see the same members, all of them up?"""
        views, troubles = self._asked("/admin/v1/cluster")
        return troubles + member_troubles(views)

    def conditions(self) -> list[str]:
        """Does every node call its cluster whole: formed, nobody missing, the engine at work?"""
        views, troubles = self._asked("/admin/v1/cluster")
        return troubles + condition_troubles(views)

    def calls(self) -> list[str]:
        """Is every node answered by all when it calls, and does no call hang?"""
        pings, troubles = self._asked("/admin/v1/cluster/ping")

        def look(name: str, node: NodeProcess) -> list[str]:
            count = node.metric("aiex_calls_in_flight")
            return [f"{name} has {count:g} calls in flight"] if count else []

        return troubles + ping_troubles(pings, self._cluster.names) + self._of_each(look)

    def leases(self) -> list[str]:
        """Is every lease held by one node, and by the same for all, with a fence that only grows?

        An old holder may believe in its lease until the engine has told it better: the fence is
        what excludes it. So two at a time are a trouble that has to end, as the others.
        """
        first, troubles = self._asked("/admin/v1/cluster/leases")
        second, more = self._asked("/admin/v1/cluster/leases")
        found = double_holders(first, second) + lease_troubles(second, self._fences)
        self._fences = highest_fences(second, self._fences)
        return troubles + more + found

    def services(self) -> list[str]:
        """Does every service of every node run, and is every check of its health good?"""

        def look(name: str, node: NodeProcess) -> list[str]:
            checks = node.admin("/admin/v1/status")["checks"]
            return service_troubles(name, node.admin("/admin/v1/supervision")) + [
                f"{name}: {check['name']} is {check['status']}, {check['reason']}"
                for check in checks
                if check["status"] != "ok"
            ]

        return self._of_each(look)

    def tasks(self) -> list[str]:
        """Has every node about as many tasks as when it was first asked?"""

        def look(name: str, node: NodeProcess) -> list[str]:
            count = node.metric("aiex_tasks")
            at_first = self._tasks_at_first.setdefault(name, count)
            if count <= at_first + TASKS_MORE_MAX:
                return []
            return [f"{name} has {count:g} tasks, {at_first:g} at the beginning"]

        return self._of_each(look)

    def write(self, writer: str) -> list[str]:
        """Is what one node writes to the engine seen by all, and may it be taken back?"""

        def make(_: str, node: NodeProcess) -> list[str]:
            key_id = node.admin("/admin/v1/keys", "POST", {"name": "inspection"})["id"]

            def is_missing(name: str, reader: NodeProcess) -> list[str]:
                keys = {one["id"] for one in reader.admin("/admin/v1/keys")["keys"]}
                return [] if key_id in keys else [f"{name} does not see a key that {writer} made"]

            found, _took_s = until_well(lambda: self._of_each(is_missing), SEEN_S)
            node.admin(f"/admin/v1/keys/{key_id}", "DELETE")
            return found

        return self._of_each(make, (writer,))

    def keep(self, writer: str) -> None:
        """Write something at one node that is to be there for good."""
        made = self._cluster.nodes[writer].admin("/admin/v1/keys", "POST", {"name": "kept"})
        self._kept_keys.add(made["id"])

    def kept(self) -> list[str]:
        """Do all nodes still know what was written for good?"""
        lists, troubles = self._asked("/admin/v1/keys")
        return troubles + [
            f"{name} has lost {len(lost)} of {len(self._kept_keys)} keys"
            for name, answer in lists.items()
            if (lost := self._kept_keys - {one["id"] for one in answer["keys"]})
        ]

    def _asked(self, path: str) -> tuple[dict[str, Any], list[str]]:
        """What each node answers there, and who cannot tell."""
        answers: dict[str, Any] = {}

        def ask(name: str, node: NodeProcess) -> list[str]:
            answers[name] = node.admin(path)
            return []

        return answers, self._of_each(ask)

    def _of_each(
        self, look: Callable[[str, NodeProcess], list[str]], names: Sequence[str] = ()
    ) -> list[str]:
        """What the look finds at those nodes, all unless some are named, and who cannot tell."""
        found = []
        for name in names or self._cluster.names:
            try:
                found += look(name, self._cluster.nodes[name])
            except (OSError, AdminRefused) as error:
                found.append(f"{name} cannot tell: {error}")
        return found


def member_troubles(views: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How the views that nodes have of their cluster differ from one whole cluster of them all."""
    seen = {
        name: {one["name"]: (one["state"], one["incarnation"]) for one in view["members"]}
        for name, view in views.items()
    }
    own = {name: members.get(name, ("unknown", 0)) for name, members in seen.items()}
    wanted = {name: ("up", incarnation) for name, (_, incarnation) in own.items()}
    return [
        f"{name} sees {_difference(members, wanted)}"
        for name, members in seen.items()
        if members != wanted
    ]


def condition_troubles(views: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which nodes say that their cluster is not whole, and why."""
    return [
        f"{name} says {view['condition']}: {view['reason']}"
        for name, view in views.items()
        if view["condition"] != "whole"
    ]


def ping_troubles(pings: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Who was called and gave no answer."""
    found = [
        f"{name} called {one['node']}: {one['text']}"
        for name, answer in pings.items()
        for one in answer["failures"]
    ]
    return found + [
        f"{name} was not answered by {missing}"
        for name, answer in pings.items()
        for missing in sorted(set(names) - {one["node"] for one in answer["pings"]})
    ]


def double_holders(
    first: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Which leases two nodes held at one time, after all nodes were asked twice in the same order.

    Who held one by the same fence both times held it in between too, where the others were asked.
    """
    held: dict[str, set[str]] = {}
    for name in first.keys() & second.keys():
        for lease, fence in _held(first[name]) & _held(second[name]):
            held.setdefault(lease, set()).add(f"{name} by fence {fence}")
    return [
        f"{lease} was held by two at once: {', '.join(sorted(holders))}"
        for lease, holders in held.items()
        if len(holders) > 1
    ]


def lease_troubles(
    answers: Mapping[str, Mapping[str, Any]], fences: Mapping[str, int]
) -> list[str]:
    """Which leases nobody holds, or not the same for all, or by a fence older than seen before."""
    leases = sorted({one["name"] for answer in answers.values() for one in answer["leases"]})
    found = []
    for lease in leases or ["any lease"]:
        told = {
            name: next((one for one in answer["leases"] if one["name"] == lease), None)
            for name, answer in answers.items()
        }
        holders = {one["holder"] if one else None for one in told.values()}
        if None in holders or len(holders) > 1:
            told_text = ", ".join(
                f"{(one['holder'] if one else None) or 'nobody'} for {name}"
                for name, one in told.items()
            )
            found.append(f"{lease} is held by {told_text}")
        elif not any(one and one["is_held_here"] for one in told.values()):
            found.append(f"{lease} is held by {holders.pop()}, who does not say so")
        found += [
            f"{name} knows {lease} by fence {one['fence']} after {fences[lease]}"
            for name, one in told.items()
            if one and one["fence"] < fences.get(lease, 0)
        ]
    return found


def highest_fences(
    answers: Mapping[str, Mapping[str, Any]], before: Mapping[str, int]
) -> dict[str, int]:
    """The highest fence of each lease that any node knows, or knew before."""
    highest = dict(before)
    for answer in answers.values():
        for one in answer["leases"]:
            highest[one["name"]] = max(one["fence"], highest.get(one["name"], 0))
    return highest


def _held(answer: Mapping[str, Any]) -> set[tuple[str, int]]:
    return {(one["name"], one["fence"]) for one in answer["leases"] if one["is_held_here"]}


def _difference(
    members: Mapping[str, tuple[str, int]], wanted: Mapping[str, tuple[str, int]]
) -> str:
    names = sorted(members.keys() | wanted.keys())
    gone = ("nothing", 0)
    return ", ".join(
        f"{name} {members.get(name, gone)[0]}"
        + ("" if members.get(name, gone)[1] == wanted.get(name, gone)[1] else " in another life")
        for name in names
        if members.get(name) != wanted.get(name)
    )


def service_troubles(node: str, service: Mapping[str, Any]) -> list[str]:
    """Which services of a supervision tree do not run."""
    found = []
    if service["state"] != "running":
        why = service["last_error"] or "no error"
        found.append(f"{node}: {service['name']} is {service['state']}, {why}")
    for child in service["children"]:
        found += service_troubles(node, child)
    return found
