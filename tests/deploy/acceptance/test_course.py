"""The whole acceptance against a cluster that is played, whole and with faults planted."""

from collections.abc import Sequence

import pytest

from tests.deploy.acceptance.cluster_fake import FakeCluster, Faults
from tests.k8s.catalogue import STEPS, StepUnknown, chosen
from tests.k8s.course import run_course, run_step
from tests.k8s.manifests import OWNER, OWNER_LABEL
from tests.k8s.options import Options, image_name
from tests.k8s.ownership import NamespaceForeign
from tests.k8s.report import is_passed
from tests.k8s.stage import Stage
from tests.k8s.step import Outcome

OPTIONS = Options(
    kubeconfig="/kube/config",
    image=image_name("registry:5000/aiex:1"),
    image_next=image_name("registry:5000/aiex:2"),
    nats_image=image_name("nats:2"),
    namespace="aiex-acceptance",
    release="aiex",
    chart="deploy/helm/aiex",
    storage_class="",
    values_files=(),
    registry_config="",
    helm="helm",
    kubectl="kubectl",
    steps=(),
    kill_by="host",
    askers=6,
    is_json=False,
    is_kept=False,
)


def played(cluster: FakeCluster, names: Sequence[str] = ()) -> tuple[dict[str, Outcome], str]:
    """The outcomes by step, and the evidence that was told."""
    evidence: list[str] = []
    told: list[Outcome] = []
    stage = Stage(cluster, OPTIONS)
    outcomes = run_course(stage, chosen(names), told.append, evidence.append)
    assert [one.step for one in told] == [one.step for one in outcomes]
    return {one.step: one for one in outcomes}, "\n".join(evidence)


def complaint(outcome: Outcome) -> str:
    assert outcome.verdict == "failed"
    return " ".join(outcome.complaints)


def test_a_cluster_that_does_as_it_should_passes_every_step() -> None:
    cluster = FakeCluster()
    outcomes, evidence = played(cluster)
    assert {name: one.verdict for name, one in outcomes.items()} == dict.fromkeys(
        (step.name for step in STEPS), "passed"
    ), [one.complaints for one in outcomes.values()]
    assert evidence == ""
    assert is_passed(list(outcomes.values()))


def test_nothing_is_left_when_it_is_over() -> None:
    cluster = FakeCluster()
    played(cluster)
    assert (cluster.spaces, cluster.pods, cluster.cordoned) == ({}, {}, set())


def test_a_death_may_fail_what_was_in_flight_and_it_is_counted() -> None:
    outcomes, _ = played(FakeCluster(Faults(on_death=5)), ["pod-kill"])
    assert outcomes["pod-kill"].verdict == "passed"
    assert outcomes["pod-kill"].load is not None
    assert outcomes["pod-kill"].load.failed_count == 5


@pytest.mark.parametrize(
    ("faults", "step", "said"),
    [
        (Faults(on_drain=1), "drain", "1 requests failed, and none may"),
        (Faults(on_scale=2), "scale", "4 requests failed, and none may"),
        (Faults(one_after_the_other=True), "pod-kill", "not in flight together"),
        (Faults(on_death=7), "pod-kill", "more requests failed than were in flight"),
        (Faults(nothing_is_denied=True), "network", ":4222 is open and should be closed"),
        (Faults(no_budget=True), "evict", "no budget holds"),
        (Faults(writes_without_quorum=True), "quorum", "made without a quorum"),
        (Faults(left_over=("aiex-nats-tls",)), "uninstall", "left over: Secret/aiex-nats-tls"),
    ],
)
def test_what_goes_wrong_is_named_and_the_rest_goes_on(
    faults: Faults, step: str, said: str
) -> None:
    outcomes, evidence = played(FakeCluster(faults), [step, "chat"])
    assert said in complaint(outcomes[step])
    assert outcomes["chat"].verdict == "passed"
    assert "the doctor's word" in evidence
    assert not is_passed(list(outcomes.values()))


def test_a_volume_that_is_a_disc_of_one_machine_is_no_failure() -> None:
    outcomes, _ = played(FakeCluster(Faults(volumes_are_local=True)), ["volume"])
    assert outcomes["volume"].verdict == "skipped"
    assert outcomes["volume"].told == (
        "the volume of aiex-nats-2 is a disc of m3; STORAGE_CLASS may name others",
    )


def test_nothing_is_tried_on_an_install_that_failed_and_it_is_taken_away() -> None:
    cluster = FakeCluster(Faults(pods_never_ready=True))
    outcomes, evidence = played(cluster)
    assert "not within 300 s" in complaint(outcomes["install"])
    rest = {name: one.verdict for name, one in outcomes.items() if name != "install"}
    assert rest.pop("uninstall") == "passed"
    assert set(rest.values()) == {"not run"}
    assert "log of aiex-" in evidence
    assert cluster.spaces == {}


def test_after_damage_that_cannot_be_mended_nothing_more_is_tried() -> None:
    cluster = FakeCluster(Faults(broken_after_drain=True))
    outcomes, _ = played(cluster, ["drain", "pod-kill", "uninstall"])
    assert "could not be put right again" in complaint(outcomes["drain"])
    assert outcomes["pod-kill"].verdict == "not run"
    assert outcomes["uninstall"].verdict == "passed"
    assert cluster.cordoned == set()


@pytest.mark.parametrize("name", ["drain", "volume"])
def test_a_machine_is_given_back_by_the_step_that_took_it(name: str) -> None:
    cluster = FakeCluster()
    stage = Stage(cluster, OPTIONS)
    for step in chosen(["install", name]):
        assert run_step(stage, step).verdict == "passed"
    assert cluster.cordoned == set()


def test_a_step_alone_brings_its_install_and_uses_one_that_is_there() -> None:
    outcomes, _ = played(FakeCluster(), ["chat"])
    assert list(outcomes) == ["install", "chat"]
    kept = FakeCluster(spaces={"aiex-acceptance": {OWNER_LABEL: OWNER}})
    kept.run(["helm", "upgrade"], "", 1.0)
    outcomes, _ = played(kept, ["chat"])
    assert list(outcomes) == ["chat"]


@pytest.mark.parametrize("name", ["aiex-acceptance", "aiex-acceptance-outside"])
def test_a_namespace_of_somebody_else_is_not_touched(name: str) -> None:
    cluster = FakeCluster(spaces={name: {"team": "payments"}})
    with pytest.raises(NamespaceForeign, match=f"{name} exists and was not made"):
        played(cluster)
    assert cluster.commands == ["kubectl get namespaces -o json"]


def test_an_unknown_step_is_answered_with_the_nearest() -> None:
    with pytest.raises(StepUnknown, match="did you mean drain"):
        chosen(["drian"])
