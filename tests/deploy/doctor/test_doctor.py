"""The command around the rules: how it tells, what it may not see, and how it ends."""

import socket
import time
from pathlib import Path

import msgspec
import pytest

from aiex.kubernetes.collection.collection import NAMESPACED, resource_of
from aiex.kubernetes.diagnosis import RULES
from aiex.kubernetes.look.reach import ANSWER_S
from aiex.testing.command_line import run_aiex
from aiex.testing.kubernetes_api import Answer, KubernetesApiServer, kubeconfig
from aiex.testing.kubernetes_release import NAMESPACE, Release
from tests.deploy.doctor.doctor_process import doctor, doctor_of
from tests.deploy.doctor.faults import no_image, no_pods_selected, short_grace

SILENCE_S = 50.0
KINDS = sorted(resource_of(one) for one in NAMESPACED)


def server(*releases: Release) -> KubernetesApiServer:
    api = KubernetesApiServer([one for release in releases for one in release.objects])
    api.api_groups.add("metrics.k8s.io")
    return api


def doctor_here(api: KubernetesApiServer, home: Path, *arguments: str) -> tuple[int, str, str]:
    """In this process, for what does not depend on having one of its own."""
    file = str(kubeconfig(home, api.url, {}))
    said = run_aiex(home, "k8s", "doctor", "--kubeconfig", file, *arguments)
    return said.exit_code, said.stdout, said.stderr


def test_findings_are_told_the_serious_first_with_evidence_and_command(tmp_path: Path) -> None:
    release = Release()
    api = KubernetesApiServer()
    for plant in (short_grace, no_image, no_pods_selected):
        plant(release, api)
    with server(release) as api:
        status, out, _ = doctor_here(api, tmp_path)
    assert status == 1
    assert out.startswith("aiex in namespace aiex: 2 serious findings and 1 warning.\n\n1. image ")
    heads = [line for line in out.splitlines() if line[:2] in ("1.", "2.", "3.")]
    assert heads == [
        "1. image not pulled (serious)",
        "2. selector matches nothing (serious)",
        "3. grace short (warning)",
    ]
    told = " ".join(out.split())
    assert "seen service/aiex spec.selector: app.kubernetes.io/name=aiexx" in told
    assert "   next      kubectl -n aiex set selector service aiex app.kubernetes.io/" in out
    assert '"terminationGracePeriodSeconds":80' in out
    prose = [line for line in out.splitlines() if not line.startswith("   next")]
    assert max(map(len, prose)) <= 80


def test_what_follows_from_a_cause_is_told_with_it(tmp_path: Path) -> None:
    release = Release()
    for pod in release.pods("nats")[:2]:
        release.waits(pod, "ImagePullBackOff", "no such image")
    with server(release) as api:
        _, out, _ = doctor_here(api, tmp_path, "-o", "json")
    findings = msgspec.json.decode(out)["findings"]
    assert {one["rule"] for one in findings} == {"image_not_pulled"}
    assert any("NATS has no quorum" in text for one in findings for text in one["follows"])


def test_pods_that_have_just_been_made_are_given_their_time(tmp_path: Path) -> None:
    release = Release()
    moment = release.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    for pod in (release.pods("node")[0], *release.pods("nats")[:2]):
        release.unready(pod)
        pod["metadata"]["creationTimestamp"] = moment
    release.one("Deployment", "aiex")["status"]["updatedReplicas"] = 1
    with server(release) as api:
        status, out, _ = doctor_here(api, tmp_path)
    assert (status, "nothing wrong" in out) == (0, True), out


@pytest.mark.parametrize("resource", KINDS)
def test_a_kind_that_may_not_be_read_is_a_gap_and_no_finding(resource: str, tmp_path: Path) -> None:
    with server(Release()) as api:
        api.deny("list", resource)
        status, out, _ = doctor_here(api, tmp_path, "--release", "aiex")
    assert (status, "nothing wrong" in out) == (0, True), out
    assert f"{resource}: forbidden; give `list {resource}`." in " ".join(out.split())


def test_rights_that_are_missing_are_told_together(tmp_path: Path) -> None:
    with server(Release()) as api:
        for resource in ("nodes", "storageclasses.storage.k8s.io", "leases.coordination.k8s.io"):
            api.deny("list", resource)
        status, out, _ = doctor_here(api, tmp_path)
    assert status == 0
    told = " ".join(out.split())
    assert "what is forbidden here; give these rights: list " in told
    assert "list nodes" in told


def test_pods_that_may_not_be_asked_through_the_api_are_a_gap(tmp_path: Path) -> None:
    with server(Release()) as api:
        api.deny("get", "pods/proxy")
        status, out, _ = doctor_here(api, tmp_path)
    assert (status, "give `get pods/proxy`" in " ".join(out.split())) == (0, True)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"{"),
        Answer(503, b'{"code": 503, "message": "etcd is away"}'),
        Answer(410, b"{}"),
    ],
)
def test_an_answer_that_is_none_is_a_gap(answer: Answer, tmp_path: Path) -> None:
    with server(Release()) as api:
        api.answer(f"/api/v1/namespaces/{NAMESPACE}/services", answer)
        status, out, _ = doctor_here(api, tmp_path)
    assert (status, "Not looked at: services: " in out) == (0, True), out


def test_an_account_that_may_read_nothing_is_told_what_it_needs(tmp_path: Path) -> None:
    with server(Release()) as api:
        api.deny("*", "*")
        status, out, err = doctor_here(api, tmp_path)
    assert (status, out) == (1, "")
    assert "Nothing in namespace aiex can be read" in err
    assert "kubernetes-doctor.md has the roles" in err


def test_an_end_of_long_ago_is_forgotten(tmp_path: Path) -> None:
    release = Release()
    release.ended(release.pods("node")[0], "OOMKilled", 137, age_s=3 * 86400)
    release.ended(release.pods("node")[1], "Error", 1, age_s=86400)
    with server(release) as api:
        status, out, _ = doctor_here(api, tmp_path)
    assert status == 0, out


def test_an_api_that_is_away_is_a_failure_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    file = str(kubeconfig(tmp_path, f"http://127.0.0.1:{port}", {}))
    said = doctor(tmp_path, "--kubeconfig", file)
    assert (said.status, said.stdout) == (1, "")
    assert f"The Kubernetes API at http://127.0.0.1:{port} cannot be reached" in said.stderr


def test_credentials_that_are_not_taken_are_a_failure(tmp_path: Path) -> None:
    with KubernetesApiServer(token="other") as api:
        status, _, err = doctor_here(api, tmp_path)
    assert (status, "does not accept the credentials" in err) == (1, True)


def test_without_any_way_in_it_says_what_it_looked_for(tmp_path: Path) -> None:
    said = doctor(tmp_path)
    assert said.status == 1
    assert f"no KUBECONFIG, no {tmp_path}/.kube/config" in said.stderr


def test_of_several_releases_one_has_to_be_chosen(tmp_path: Path) -> None:
    with server(Release(), Release("blue-aiex")) as api:
        status, _, err = doctor_here(api, tmp_path)
        assert (status, "several releases in namespace aiex: aiex, blue-aiex" in err) == (2, True)
        status, out, _ = doctor_here(api, tmp_path, "--release", "blue-aiex")
    assert status == 0, out
    assert out.startswith("blue-aiex in namespace aiex: nothing wrong.")


def test_a_release_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    with server(Release()) as api:
        status, out, _ = doctor_here(api, tmp_path, "--release", "other")
    assert (status, "no release 'other' of Aiex in namespace aiex" in out) == (1, True)


def test_an_address_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    said = doctor(tmp_path, "--dns-only", "--dns-server", "nowhere")
    assert (said.status, "--dns-server is no address" in said.stderr) == (2, True)


def test_rules_are_listed_without_asking_anybody(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "k8s", "doctor", "--rules")
    assert said.exit_code == 0
    assert all(f"{rule.name} ({rule.severity})\n" in said.stdout for rule in RULES)
    listed = msgspec.json.decode(
        run_aiex(tmp_path, "k8s", "doctor", "--rules", "-o", "json").stdout
    )
    assert [one["name"] for one in listed] == [rule.name for rule in RULES]


def test_what_a_pod_says_cannot_steer_the_terminal(tmp_path: Path) -> None:
    release = Release()
    release.waits(release.pods("node")[0], "ImagePullBackOff", "\x1b[31mred\x07")
    with server(release) as api:
        _, out, _ = doctor_here(api, tmp_path)
    assert "is not pulled: red" in out
    assert "\x1b" not in out


@pytest.mark.slow  # it waits for the deadline of one answer
def test_pods_that_do_not_answer_are_waited_for_once(tmp_path: Path) -> None:
    with server(Release()) as api:
        api.answer(
            f"/api/v1/namespaces/{NAMESPACE}/pods/aiex-", Answer(200, b"ok", after_s=SILENCE_S)
        )
        began_s = time.monotonic()
        status, out, _ = doctor_here(api, tmp_path)
        took_s = time.monotonic() - began_s
    assert status == 0, out
    assert "nothing comes back from port 8081" in " ".join(out.split())
    assert ANSWER_S < took_s < SILENCE_S


@pytest.mark.slow  # it waits for the client's own deadline
def test_the_whole_run_is_bounded_while_the_api_is_slow(tmp_path: Path) -> None:
    with server(Release()) as api:
        api.answer(f"/api/v1/namespaces/{NAMESPACE}/events", Answer(200, b"{}", after_s=60))
        said = doctor_of(api, tmp_path)
    assert said.status == 0
    assert "Not looked at: events: The Kubernetes API" in said.stdout
