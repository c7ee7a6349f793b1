"""An engine that somebody else runs, named in values."""

from typing import Any

import pytest

from tests.deploy.chart.rendering import Chart

URL = "tls://nats.example:4333"


def test_nothing_of_nats_is_rendered_and_nodes_go_there(chart: Chart) -> None:
    rendering = chart(nats={"enabled": False}, engine={"external": {"url": URL}})
    assert [key for key in rendering.objects if "nats" in key[1]] == []
    assert rendering.settings["engine"] == {"url": URL}
    egress = rendering["NetworkPolicy"]["spec"]["egress"]
    assert {"ports": [{"port": 4333, "protocol": "TCP"}]} in egress


def test_without_a_login_none_is_named_and_none_is_made(chart: Chart) -> None:
    rendering = chart(nats={"enabled": False}, engine={"external": {"url": URL}})
    assert "AIEX_ENGINE__USER_FILE" not in rendering.environment
    job = rendering.objects["Job", "r-aiex-secrets"]["spec"]["template"]["spec"]
    arguments = job["containers"][0]["args"]
    assert "--nodes" in arguments
    assert not {"--engine-login", "--nats", "--nats-tls"} & set(arguments)


def test_its_login_and_certificates_come_from_secrets(chart: Chart) -> None:
    tls = {"existingSecret": "nats-client", "clientCertificate": True}
    external = {"url": URL, "existingSecret": "login", "tls": tls}
    rendering = chart(nats={"enabled": False}, engine={"external": external})
    assert rendering.settings["engine"] == {
        "url": URL,
        "tls_ca_file": "/etc/aiex/engine-tls/ca.crt",
        "tls_certificate_file": "/etc/aiex/engine-tls/tls.crt",
        "tls_key_file": "/etc/aiex/engine-tls/tls.key",
    }
    assert rendering.environment["AIEX_ENGINE__USER_FILE"] == "/etc/aiex/secrets/engine-user"
    volumes = {one["name"]: one for one in rendering.pod["spec"]["volumes"]}
    sources = [one["secret"] for one in volumes["secrets"]["projected"]["sources"]]
    assert {one["name"]: [item["key"] for item in one["items"]] for one in sources} == {
        "r-aiex-secrets": ["admin-token", "api-key"],
        "login": ["engine-user", "engine-password"],
    }
    assert volumes["engine-tls"]["secret"]["secretName"] == "nats-client"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"engine": {"external": {"url": URL}}}, "nodes have one engine"),
        ({"nats": {"enabled": False}}, "nodes need an engine"),
        (
            {
                "nats": {"enabled": False},
                "engine": {"external": {"url": "nats://n", "tls": {"existingSecret": "s"}}},
            },
            "that begins with tls://",
        ),
        (
            {
                "nats": {"enabled": False},
                "engine": {"external": {"url": URL, "tls": {"clientCertificate": True}}},
            },
            "needs the certificate",
        ),
        (
            {"nats": {"enabled": False}, "engine": {"external": {"url": "tls://a:b@n"}}},
            "values are no secrets",
        ),
        (
            {"nats": {"tls": {"existingSecret": "s", "certManager": {"enabled": True}}}},
            "two sources of one certificate",
        ),
        ({"nats": {"replicas": 2}}, "nats"),
        ({"nats": {"volume": {"size": "much"}}}, "nats"),
    ],
)
def test_what_contradicts_itself_is_refused(
    chart: Chart, values: dict[str, Any], words: str
) -> None:
    for said in chart.refusal(**values).values():
        assert words in said
