"""`helm test`: a question to the mock through the Service, and a node's own opinion of itself."""

import os
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_stream
from tests.deploy.chart.rendering import Chart


def container(chart: Chart, suffix: str, **values: Any) -> dict[str, Any]:
    (only,) = chart(**values).named("Pod", suffix)["spec"]["containers"]
    return dict(only)


def test_its_pods_are_hooks_that_leave_nothing_behind_when_they_pass(chart: Chart) -> None:
    for pod in chart().of("Pod"):
        annotations = pod["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "test"
        policies = annotations["helm.sh/hook-delete-policy"].split(",")
        assert policies == ["before-hook-creation", "hook-succeeded"]
    assert len(chart().of("Pod")) == 2


def test_they_wait_for_nodes_that_are_still_coming_but_not_for_ever(chart: Chart) -> None:
    for pod in chart(test={"deadlineSeconds": 30}).of("Pod"):
        assert pod["spec"]["restartPolicy"] == "OnFailure"
        assert pod["spec"]["activeDeadlineSeconds"] == 30


def test_they_are_as_restricted_as_nodes(chart: Chart) -> None:
    rendering = chart()
    for pod in rendering.of("Pod"):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"] == rendering.pod["spec"]["securityContext"]
        (only,) = spec["containers"]
        assert only["securityContext"] == rendering.node["securityContext"]
        assert only["image"] == rendering.node["image"]


def test_each_sees_the_one_secret_it_needs(chart: Chart) -> None:
    for suffix, key in (("test-chat", "api-key"), ("test-status", "admin-token")):
        (volume,) = chart().named("Pod", suffix)["spec"]["volumes"]
        assert volume["secret"]["items"] == [{"key": key, "path": key}]


@pytest.mark.parametrize(("said", "status"), [("aiex answers", 0), ("something else", 1)])
def test_the_question_is_answered_or_the_test_fails(
    chart: Chart, tmp_path: Path, said: str, status: int
) -> None:
    """The pod's own arguments, at a server in the Service's place."""
    asking = container(chart, "test-chat")
    (tmp_path / "api-key").write_text("sk\n")
    environment = {
        one["name"]: one["value"].replace("/etc/aiex/secrets", str(tmp_path))
        for one in asking["env"]
    }
    event = b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n' % said.encode()
    with ScriptedServer(http_stream(event, b"data: [DONE]\n\n")) as server:
        arguments = [one.replace("http://r-aiex:80", server.url) for one in asking["args"]]
        done = run_aiex(tmp_path, *arguments, **environment)
    assert done.exit_code == status
    (asked,) = server.asked
    assert asked.headers["authorization"] == "Bearer sk"
    assert b'"echo aiex answers"' in asked.body
    assert os.fsencode("mock") in asked.body


def test_a_nodes_opinion_is_asked_for_with_the_admin_token(chart: Chart) -> None:
    asking = container(chart, "test-status")
    assert asking["args"] == ["status", "--admin-url=http://r-aiex-admin:8081"]
    assert asking["env"] == [
        {"name": "AIEX_ADMIN__TOKEN_FILE", "value": "/etc/aiex/secrets/admin-token"}
    ]


def test_with_tls_they_check_the_certificate(chart: Chart) -> None:
    tls = {"tls": {"existingSecret": "t"}}
    asking = container(chart, "test-chat", api=tls)
    assert "--url=https://r-aiex:80" in asking["args"]
    assert {"name": "AIEX_CA_FILE", "value": "/etc/aiex/tls/ca.crt"} in asking["env"]
    assert "https" in container(chart, "test-status", admin=tls)["args"][1]


def test_without_the_mock_there_is_nobody_to_ask(chart: Chart) -> None:
    names = [pod["metadata"]["name"] for pod in chart(mockModel={"enabled": False}).of("Pod")]
    assert names == ["r-aiex-test-status"]
    assert not chart(test={"enabled": False}).of("Pod")
