"""Steps of a release's life: installed, asked, scaled, upgraded, rolled back, taken away."""

from contextlib import suppress

from tests.k8s.release import release_values
from tests.k8s.runner import Unfulfilled
from tests.k8s.stage import Stage
from tests.k8s.step import Notes
from tests.k8s.verdict import FORM_LIMIT_S, Formed, foreign_images, leftovers, security_warnings

KEY_NAME = "acceptance"  # a row of the cluster's state, looked for after NATS was moved about
GONE_S = 180.0
COLLECTED_S = 60.0
# Beyond the limit it is waited on, so that a slow cluster gets its figure and not only a verdict.
FORM_PATIENCE_S = 5 * FORM_LIMIT_S


def install(stage: Stage, notes: Notes) -> None:
    began_s = stage.runner.now_s()
    warnings = stage.release.apply(release_values(stage.options))
    stage.until_whole(FORM_PATIENCE_S)
    formed = Formed(stage.runner.now_s() - began_s)
    notes.took_s = formed.took_s
    notes.complaints += formed.complaints + security_warnings(warnings)
    notes.told += formed.notes
    images = {stage.options.image.name, stage.options.nats_image.name}
    pods = [*stage.pods("node"), *stage.pods("nats")]
    if stage.options.nats_image.repository:
        notes.complaints += foreign_images(pods, images)
    is_made, said = stage.aiex("keys", "create", KEY_NAME, "-o", "json")
    if not is_made:
        notes.complaints.append(f"no API key can be made: {said.strip()}")


def chat(stage: Stage, notes: Notes) -> None:
    with stage.under_load(notes) as load:
        load.flows_on()


def scale(stage: Stage, notes: Notes) -> None:
    with stage.under_load(notes) as load:
        for count in (6, 3):
            _scale_to(stage, count)
            notes.told.append(f"{count} nodes after {stage.until_rolled_out():.1f} s")
            load.flows_on()
        stage.until_whole()


def upgrade(stage: Stage, notes: Notes) -> None:
    values = release_values(stage.options, image=stage.options.image_next, marker="upgraded")
    with stage.under_load(notes):
        stage.release.apply(values)
        stage.until_rolled_out()
        stage.until_whole()
    notes.complaints += foreign_images(stage.pods("node"), {stage.options.image_next.name})


def rollback(stage: Stage, notes: Notes) -> None:
    before = stage.release.revision()
    stage.release.apply(release_values(stage.options, marker="to be rolled back"))
    stage.until_rolled_out()
    with stage.under_load(notes):
        stage.release.rollback(before)
        stage.until_rolled_out()
        stage.until_whole()
    notes.told.append(f"back at revision {before}")


def uninstall(stage: Stage, notes: Notes) -> None:
    began_s = stage.runner.now_s()
    stage.release.uninstall()
    labels = f"app.kubernetes.io/instance={stage.options.release}"
    kubectl = stage.kubectl
    kubectl.wait(lambda: not kubectl.objects("pods", labels), GONE_S, "all pods to be gone")
    notes.took_s = stage.runner.now_s() - began_s
    kinds = _kinds(stage)
    with suppress(Unfulfilled):  # what belonged to what is gone is collected a moment later
        kubectl.wait(lambda: not leftovers(kubectl.objects(kinds)), COLLECTED_S, "nothing left")
    if left := leftovers(kubectl.objects(kinds)):
        notes.complaints.append(f"left over: {', '.join(left)}")


def restore(stage: Stage) -> None:
    """After a failed step: as many nodes and servers as wanted, on machines that take pods."""
    for machine in sorted(stage.cordoned):
        stage.uncordon(machine)
    # First by kubectl: helm 4 refuses to set a number that kubectl has set to another.
    _scale_to(stage, 3)
    stage.kubectl.run("scale", "statefulset", stage.nats_name(), "--replicas=3")
    stage.release.apply(release_values(stage.options))
    stage.until_nats()
    stage.until_rolled_out()
    stage.until_whole()


def _scale_to(stage: Stage, count: int) -> None:
    stage.kubectl.run("scale", "deployment", stage.options.release, f"--replicas={count}")


def _kinds(stage: Stage) -> str:
    """All kinds that are in namespaces and can be listed, for `kubectl get`."""
    kinds = stage.kubectl.run("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    if not kinds:
        raise Unfulfilled("the cluster names no kinds")
    return ",".join(kind for kind in kinds if not kind.endswith(".metrics.k8s.io"))
