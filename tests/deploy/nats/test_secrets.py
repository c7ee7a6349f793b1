"""The Jobs that make and remove Secrets: few rights, restricted, before and after a release."""

import pytest
from click.testing import CliRunner
from lightkube.config.kubeconfig import SERVICE_ACCOUNT

from aiex.cli.main import root
from tests.deploy.chart.rendering import Chart, Object, Rendering

HOOK, POLICY, WEIGHT = (f"helm.sh/hook{suffix}" for suffix in ("", "-delete-policy", "-weight"))
ERRAND = ("ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "Job")


def errand(rendering: Rendering, name: str) -> dict[str, Object]:
    return {kind: rendering.objects[kind, f"r-aiex-{name}"] for kind in ERRAND}


def arguments(rendering: Rendering, name: str = "secrets") -> list[str]:
    job = rendering.objects["Job", f"r-aiex-{name}"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return list(container["args"])


def test_they_are_made_before_each_install_and_upgrade_and_removed_after_an_uninstall(
    chart: Chart,
) -> None:
    for name, hook in (("secrets", "pre-install,pre-upgrade"), ("secrets-removal", "post-delete")):
        objects = errand(chart(), name)
        for kind, one in objects.items():
            annotations = one["metadata"]["annotations"]
            assert annotations[HOOK] == hook
            assert annotations[POLICY] == "before-hook-creation,hook-succeeded"
            # The Job comes when it has its rights and its way.
            assert annotations[WEIGHT] == ("-5" if kind == "Job" else "-10")


def test_the_rights_are_for_named_secrets_but_for_what_cannot_be_named(chart: Chart) -> None:
    named, unnamed = errand(chart(), "secrets")["Role"]["rules"]
    assert named["verbs"] == ["get", "update"]
    assert named["resourceNames"] == [
        "r-aiex-secrets",
        "r-aiex-nats-auth",
        "r-aiex-nats-ca",
        "r-aiex-nats-tls",
    ]
    assert unnamed == {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}
    (removal,) = errand(chart(), "secrets-removal")["Role"]["rules"]
    assert removal["verbs"] == ["get", "delete"]
    assert removal["resourceNames"] == named["resourceNames"]


@pytest.mark.parametrize("name", ["secrets", "secrets-removal"])
def test_the_job_is_restricted_bounded_and_has_a_way_to_the_api_only(
    chart: Chart, name: str
) -> None:
    objects = errand(chart(), name)
    job = objects["Job"]["spec"]
    pod = job["template"]["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (3, 300)
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    (volume,) = pod["volumes"]
    token, authority, namespace = volume["projected"]["sources"]
    assert token["serviceAccountToken"] == {"path": "token", "expirationSeconds": 600}
    assert authority["configMap"]["name"] == "kube-root-ca.crt"
    assert namespace["downwardAPI"]["items"][0]["path"] == "namespace"
    (mount,) = pod["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == SERVICE_ACCOUNT
    assert pod["serviceAccountName"] == f"r-aiex-{name}"
    assert objects["RoleBinding"]["subjects"][0]["name"] == f"r-aiex-{name}"
    policy = objects["NetworkPolicy"]["spec"]
    labels = job["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    dns, api = policy["egress"]
    assert {one["port"] for one in dns["ports"]} == {53}
    assert [one["port"] for one in api["ports"]] == [443, 6443]


def test_its_arguments_are_a_command_that_is_there(chart: Chart) -> None:
    """Up to the API, which is not there: a wrong option would be wrong usage, status 2."""
    for name in ("secrets", "secrets-removal"):
        given = arguments(chart(), name)
        result = CliRunner().invoke(root, given, env={"KUBECONFIG": "/nowhere", "HOME": "/nowhere"})
        assert result.exit_code == 1, result.output
        assert "/nowhere cannot be read" in result.output


def test_the_certificate_is_for_all_names_of_the_servers(chart: Chart) -> None:
    names = [one.removeprefix("--dns-name=") for one in arguments(chart()) if "dns-name" in one]
    assert {
        "r-aiex-nats",
        "r-aiex-nats.models.svc",
        "r-aiex-nats.models.svc.cluster.local",
        "r-aiex-nats-headless.models.svc.cluster.local",
        "*.r-aiex-nats-headless.models.svc.cluster.local",
        "r-aiex-nats-0.r-aiex-nats-headless",
        "r-aiex-nats-2.r-aiex-nats-headless",
        "localhost",
    } <= set(names)
    assert len(names) == len(set(names))


def test_where_all_is_somebody_elses_there_is_no_job(chart: Chart) -> None:
    rendering = chart(
        secrets={"existingSecret": "mine"},
        nats={"auth": {"existingSecret": "a"}, "tls": {"existingSecret": "b"}},
    )
    assert rendering.of("Job") == []
    assert rendering.of("Role") == []


def test_what_was_made_can_be_kept(chart: Chart) -> None:
    rendering = chart(secrets={"keep": True})
    assert [one["metadata"]["name"] for one in rendering.of("Job")] == ["r-aiex-secrets"]


def test_no_secret_is_rendered_at_all(chart: Chart) -> None:
    """What is made while rendering is another each time, in GitOps at every look."""
    assert chart().of("Secret") == []
