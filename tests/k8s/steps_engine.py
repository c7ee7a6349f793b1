"""Steps that take servers of NATS away, or to another machine. Chats go on meanwhile."""

import json
from collections.abc import Mapping
from typing import Any

from tests.k8s.pods import machine_of, name_of, volume_machines
from tests.k8s.runner import Unfulfilled
from tests.k8s.stage import Stage
from tests.k8s.step import Notes, Skipped
from tests.k8s.steps_life import KEY_NAME
from tests.k8s.steps_pods import die_unannounced

WRITABLE_S = 60.0
GONE_S = 180.0


def nats_kill(stage: Stage, notes: Notes) -> None:
    with stage.under_load(notes):
        notes.told.append(die_unannounced(stage, stage.pods("nats")[0]))
        stage.until_nats()
        stage.until_whole()


def nats_roll(stage: Stage, notes: Notes) -> None:
    """All servers are replaced one by one, as an upgrade of NATS does it."""
    with stage.under_load(notes):
        stage.kubectl.run("rollout", "restart", f"statefulset/{stage.nats_name()}")
        stage.until_nats()
        stage.until_whole()


def quorum(stage: Stage, notes: Notes) -> None:
    """With one server of three, chats are answered and writes of state refused; then both work."""
    try:
        with stage.under_load(notes) as load:
            _servers(stage, 1)
            stage.kubectl.wait(lambda: stage.is_alone("nats"), GONE_S, "one server alone")
            load.flows_on()
            is_made, _ = stage.aiex("keys", "create", "without-a-quorum")
            if is_made:
                notes.complaints.append("an API key was made without a quorum")
            load.flows_on()
    finally:
        _servers(stage, 3)
    stage.until_nats()
    stage.until_whole()
    writable_s = stage.kubectl.wait(
        lambda: stage.aiex("keys", "create", "with-a-quorum")[0], WRITABLE_S, "a key to be made"
    )
    notes.told.append(f"state can be written {writable_s:.1f} s after all servers were back")


def volume(stage: Stage, notes: Notes) -> None:
    """A server goes to another machine, and its volume with it."""
    pod = stage.pods("nats")[-1]
    machine, name = machine_of(pod), name_of(pod)
    claim = _claim(pod)
    bound = stage.kubectl.object("persistentvolumeclaim", claim)
    found = stage.kubectl.object("persistentvolume", bound["spec"]["volumeName"]) if bound else None
    if found is None:
        raise Unfulfilled(f"{name} has no bound volume for its claim {claim}")
    if (machines := volume_machines(found)) is not None and len(machines) < 2:
        where = ", ".join(machines)
        raise Skipped(f"the volume of {name} is a disc of {where}; STORAGE_CLASS may name others")
    try:
        with stage.under_load(notes, not_on=machine):
            stage.cordon(machine)
            stage.kubectl.delete("pod", name)
            stage.until_nats()
    finally:
        stage.uncordon(machine)
    moved = next(pod for pod in stage.pods("nats") if name_of(pod) == name)
    if machine_of(moved) == machine or _claim(moved) != claim:
        notes.complaints.append(f"{name} is on {machine_of(moved)} with {_claim(moved)}")
    stage.until_whole()
    notes.told.append(f"{name} went from {machine} to {machine_of(moved)} with {claim}")
    notes.complaints += state_lost(stage)


def state_lost(stage: Stage) -> list[str]:
    """A complaint when the API key made at the install is not there any more."""
    is_told, said = stage.aiex("keys", "list", "-o", "json")
    if is_told and KEY_NAME in {key["name"] for key in json.loads(said)["keys"]}:
        return []
    return [f"the API key {KEY_NAME} is not there any more: {said.strip()[:200]}"]


def _servers(stage: Stage, count: int) -> None:
    stage.kubectl.run("scale", "statefulset", stage.nats_name(), f"--replicas={count}")


def _claim(pod: Mapping[str, Any]) -> str:
    """The claim of a pod's first volume that has one."""
    for one in pod["spec"]["volumes"]:
        if "persistentVolumeClaim" in one:
            return str(one["persistentVolumeClaim"]["claimName"])
    raise Unfulfilled(f"{name_of(pod)} has no volume claim")
