"""A node in a service mesh: the proxy is there before it and after it, and lets NATS pass."""

import json

import pytest

from tests.deploy.chart.rendering import Chart

ISTIO = {"istio": {"enabled": True}}
LINKERD = {"linkerd": {"enabled": True}}


def test_without_a_mesh_there_is_no_word_of_one(chart: Chart) -> None:
    metadata = chart().pod["metadata"]
    assert not [name for name in (*metadata["annotations"], *metadata["labels"]) if "istio" in name]
    assert not [name for name in metadata["annotations"] if "linkerd" in name]


def test_istios_proxy_outlives_the_drain(chart: Chart) -> None:
    metadata = chart(mesh=ISTIO).pod["metadata"]
    told = metadata["annotations"]
    assert metadata["labels"]["sidecar.istio.io/inject"] == "true"
    assert told["sidecar.istio.io/nativeSidecar"] == "true"
    proxy = json.loads(told["proxy.istio.io/config"])
    assert proxy == {"holdApplicationUntilProxyStarts": True, "terminationDrainDuration": "80s"}


def test_linkerds_proxy_is_there_first(chart: Chart) -> None:
    told = chart(mesh=LINKERD).pod["metadata"]["annotations"]
    assert told["linkerd.io/inject"] == "enabled"
    assert told["config.linkerd.io/proxy-await"] == "enabled"
    assert told["config.beta.linkerd.io/proxy-enable-native-sidecar"] == "true"


@pytest.mark.parametrize(
    ("mesh", "annotation"),
    [
        (ISTIO, "traffic.sidecar.istio.io/excludeOutboundPorts"),
        (LINKERD, "config.linkerd.io/skip-outbound-ports"),
    ],
)
def test_nats_passes_the_proxy_by(chart: Chart, mesh: dict[str, object], annotation: str) -> None:
    assert chart(mesh=mesh).pod["metadata"]["annotations"][annotation] == "4222"


@pytest.mark.parametrize(("mesh", "where"), [(ISTIO, "istio-system"), (LINKERD, "linkerd")])
def test_the_proxy_may_ask_its_control_plane(
    chart: Chart, mesh: dict[str, object], where: str
) -> None:
    rendering = chart(mesh=mesh)
    wanted = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": where}}}
    for policy in (rendering["NetworkPolicy"], rendering.named("NetworkPolicy", "test")):
        assert [wanted] in [rule.get("to") for rule in policy["spec"]["egress"]]


def test_a_pod_is_in_one_mesh(chart: Chart) -> None:
    for said in chart.refusal(mesh={**ISTIO, **LINKERD}).values():
        assert "mesh.istio and mesh.linkerd are both on" in said
