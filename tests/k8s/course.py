"""The acceptance from start to end: make namespaces, run steps, clean up whatever happened."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tests.k8s import manifests
from tests.k8s.catalogue import INSTALL, UNINSTALL, with_install
from tests.k8s.evidence import evidence
from tests.k8s.manifests import PRIVILEGED, RESTRICTED
from tests.k8s.ownership import refuse_foreign
from tests.k8s.runner import Unfulfilled
from tests.k8s.stage import Stage
from tests.k8s.step import Notes, Outcome, Skipped, Step
from tests.k8s.steps_life import restore

type Tell = Callable[[Outcome], None]


def run_course(
    stage: Stage, steps: Sequence[Step], tell: Tell, tell_evidence: Callable[[str], None]
) -> list[Outcome]:
    """Every step's outcome, told as it comes.

    Raises `NamespaceForeign` before anything is touched.
    """
    _claim(stage)
    outcomes: list[Outcome] = []
    try:
        _prepare(stage)
        is_installed = stage.release.revision() > 0
        if is_installed and INSTALL in steps:
            stage.release.uninstall()
            is_installed = False
        for step in with_install(steps, is_installed=is_installed):
            outcome = _not_run(step, outcomes) or run_step(stage, step)
            outcomes.append(outcome)
            tell(outcome)
            if outcome.verdict == "failed":
                tell_evidence(evidence(stage))
                outcomes[-1] = _restored(stage, step, outcome)
    finally:
        if not stage.options.is_kept:
            _clean(stage)
    return outcomes


def run_step(stage: Stage, step: Step) -> Outcome:
    """Run one; whatever goes wrong in the cluster is its outcome."""
    notes = Notes()
    try:
        step.run(stage, notes)
    except Skipped as reason:
        return Outcome(step.name, "skipped", told=(str(reason),))
    except Unfulfilled as error:
        notes.complaints.append(str(error))
    return Outcome(
        step.name,
        "failed" if notes.complaints else "passed",
        notes.took_s,
        notes.load,
        tuple(notes.complaints),
        tuple(notes.told),
    )


BROKEN = "could not be put right again"


def _restored(stage: Stage, step: Step, outcome: Outcome) -> Outcome:
    """After a failure: put the release right for the next step, or say that it is not."""
    if step in (INSTALL, UNINSTALL):
        return outcome
    try:
        restore(stage)
    except Unfulfilled as error:
        return Outcome(
            outcome.step,
            outcome.verdict,
            outcome.took_s,
            outcome.load,
            (*outcome.complaints, f"the release {BROKEN}: {error}"),
            outcome.told,
        )
    return outcome


def _not_run(step: Step, outcomes: Sequence[Outcome]) -> Outcome | None:
    """A step that can say nothing any more, and why. What is broken can still be taken away."""
    if step == UNINSTALL:
        return None
    for one in outcomes:
        if one.step == INSTALL.name and one.verdict == "failed":
            return Outcome(step.name, "not run", told=("the install failed",))
        if any(BROKEN in complaint for complaint in one.complaints):
            return Outcome(step.name, "not run", told=(f"after {one.step} the release {BROKEN}",))
    return None


def _spaces(stage: Stage) -> dict[str, str]:
    """The namespaces of these tests, with the Pod Security of each."""
    options = stage.options
    spaces = {options.namespace: RESTRICTED, options.outside: RESTRICTED}
    return spaces | {options.host: PRIVILEGED} if options.kill_by == "host" else spaces


def _claim(stage: Stage) -> None:
    refuse_foreign(list(_spaces(stage)), stage.kubectl.objects("namespaces"))


def _prepare(stage: Stage) -> None:
    for name, security in _spaces(stage).items():
        stage.kubectl.apply(manifests.namespace(name, security))
        stage.kubectl.inside(name).apply(manifests.scripts(name), *_pull_secrets(stage, name))


def _pull_secrets(stage: Stage, space: str) -> list[manifests.Manifest]:
    if not (file := stage.options.registry_config):
        return []
    return [manifests.pull_secret(space, Path(file).read_text(encoding="utf-8"))]


def _clean(stage: Stage) -> None:
    for machine in sorted(stage.cordoned):
        stage.uncordon(machine)
    with suppress(Unfulfilled):  # the namespace goes anyway
        stage.release.uninstall()
    for name in _spaces(stage):
        stage.kubectl.delete("namespace", name, "--wait=true", "--timeout=180s")
