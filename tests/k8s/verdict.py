"""What counts as failed. Pure: what was counted in, complaints in words out; none means passed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.k8s.load_log import LoadReport, share_a_moment

# A step under load is judged only when load flowed through it.
ANSWERS_MIN = 50
# From `helm install` to three nodes that are ready and see each other; images are there already.
FORM_GOAL_S, FORM_LIMIT_S = 15.0, 60.0
FAILURES_SHOWN = 5

# What every namespace has, and nobody installed.
NATURAL = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
# Records of what happened, which end by themselves.
PASSING = {"Event"}


@dataclass(frozen=True, slots=True)
class Formed:
    """How long it took, and what was judged of it."""

    took_s: float

    @property
    def complaints(self) -> list[str]:
        if self.took_s <= FORM_LIMIT_S:
            return []
        return [f"ready and formed after {self.took_s:.1f} s; the limit is {FORM_LIMIT_S:g} s"]

    @property
    def notes(self) -> list[str]:
        verdict = "reached" if self.took_s <= FORM_GOAL_S else "missed"
        goal = f"the goal of {FORM_GOAL_S:g} s is {verdict}"
        return [f"ready and formed after {self.took_s:.1f} s; {goal}"]


def planned(report: LoadReport) -> list[str]:
    """A change that was announced fails nothing, and refuses no connection either."""
    complaints = _flowed(report)
    if report.failed_count:
        complaints.append(f"{report.failed_count} requests failed, and none may")
        complaints += _shown(report)
    if report.unconnected_count:
        complaints.append(f"{report.unconnected_count} connections were refused, and none may")
    return complaints


def unannounced(report: LoadReport) -> list[str]:
    """A death may fail what was in flight then. Connections that nobody took were tried again."""
    complaints = _flowed(report)
    is_one_moment = share_a_moment(report.failures) and not report.untold_count
    if not is_one_moment:
        complaints.append("requests failed that were not in flight together when the pod died")
        complaints += _shown(report)
    elif report.failures and report.failed_count > max(one.open_count for one in report.failures):
        complaints.append("more requests failed than were in flight")
        complaints += _shown(report)
    return complaints


def reach(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Which addresses are open that should be closed, and the other way."""
    return [
        f"{address} is {found.get(address, 'not tried')} and should be {state}"
        for address, state in wanted.items()
        if found.get(address) != state
    ]


def leftovers(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is still in a namespace after an uninstall, as `Kind/name`."""
    left = set()
    for one in objects:
        kind, metadata = one["kind"], one["metadata"]
        is_acceptance = "acceptance" in metadata["name"]
        if kind not in PASSING and (kind, metadata["name"]) not in NATURAL and not is_acceptance:
            left.add(f"{kind}/{metadata['name']}")
    return sorted(left)


def foreign_images(pods: Iterable[Mapping[str, Any]], allowed: set[str]) -> list[str]:
    """Images that run and were not given."""
    images = {one["image"] for pod in pods for one in pod["spec"]["containers"]}
    return [f"{image} runs and was not given" for image in sorted(images - allowed)]


def security_warnings(told: str) -> list[str]:
    """What the API server warned of while objects were made: what `restricted` would refuse."""
    return [line.strip() for line in told.splitlines() if "would violate PodSecurity" in line]


def _flowed(report: LoadReport) -> list[str]:
    if not report.is_ended:
        return ["the load did not tell its end, so nothing can be said"]
    if report.answered_count < ANSWERS_MIN:
        return [f"only {report.answered_count} requests were answered; {ANSWERS_MIN} are wanted"]
    return []


def _shown(report: LoadReport) -> list[str]:
    return [
        f"  {one.kind} from {one.began_s:.2f} s to {one.ended_s:.2f} s: {one.reason}"
        for one in report.failures[:FAILURES_SHOWN]
    ]
