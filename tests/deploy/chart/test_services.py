"""How nodes are reached, inside the cluster and from outside, and how long streams may last."""

from tests.deploy.chart.rendering import Chart
from tests.deploy.chart.test_node import SELECTOR


def test_clients_operators_and_nodes_themselves_have_a_service_each(chart: Chart) -> None:
    rendering = chart()
    api, admin = rendering["Service"], rendering.named("Service", "admin")
    assert [(one["port"], one["targetPort"]) for one in api["spec"]["ports"]] == [(80, "api")]
    assert [(one["port"], one["targetPort"]) for one in admin["spec"]["ports"]] == [(8081, "admin")]
    ports = {one["name"]: one["containerPort"] for one in rendering.node["ports"]}
    assert ports == {"api": 8080, "admin": 8081}
    for service in (api, admin, rendering.named("Service", "headless")):
        assert service["spec"]["selector"] == SELECTOR


def test_the_headless_service_has_nodes_that_are_not_ready_too(chart: Chart) -> None:
    spec = chart().named("Service", "headless")["spec"]
    assert spec["clusterIP"] == "None"
    assert spec["publishNotReadyAddresses"] is True


def test_services_have_the_kinds_of_addresses_that_are_asked_for(chart: Chart) -> None:
    families = {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"]}
    asked, bare = chart(**families), chart()
    names = ("", "admin", "headless", "nats", "nats-headless")
    for name in names:
        spec = asked.named("Service", name)["spec"] if name else asked["Service"]["spec"]
        assert {key: spec[key] for key in families} == families
        spec = bare.named("Service", name)["spec"] if name else bare["Service"]["spec"]
        assert not families.keys() & spec.keys(), "the cluster chooses"


def test_nodes_listen_at_all_addresses_of_their_pod(chart: Chart) -> None:
    told = chart().settings
    assert (told["api"]["host"], told["admin"]["host"]) == ("::", "::")


def test_the_admin_port_is_never_published_beyond_the_cluster(chart: Chart) -> None:
    outside = chart(
        api={"service": {"type": "LoadBalancer"}, "ingress": {"enabled": True, "hosts": ["a.b"]}}
    )
    assert outside["Service"]["spec"]["type"] == "LoadBalancer"
    assert outside.named("Service", "admin")["spec"]["type"] == "ClusterIP"
    (rule,) = outside["Ingress"]["spec"]["rules"]
    backends = [path["backend"]["service"]["name"] for path in rule["http"]["paths"]]
    assert backends == ["r-aiex"]


def test_the_name_of_a_port_says_what_is_spoken_there(chart: Chart) -> None:
    (plain,) = chart()["Service"]["spec"]["ports"]
    (secret,) = chart(api={"tls": {"existingSecret": "a"}})["Service"]["spec"]["ports"]
    assert (plain["name"], secret["name"]) == ("http", "https")


def test_an_ingress_lets_streams_last_an_hour_and_passes_them_on_at_once(chart: Chart) -> None:
    ingress = chart(api={"ingress": {"enabled": True, "hosts": ["a.b", "c.d"]}})["Ingress"]
    told = {
        name.removeprefix("nginx.ingress.kubernetes.io/"): value
        for name, value in ingress["metadata"]["annotations"].items()
    }
    assert (told["proxy-read-timeout"], told["proxy-send-timeout"]) == ("3600", "3600")
    assert (told["proxy-buffering"], told["proxy-request-buffering"]) == ("off", "off")
    assert told["proxy-body-size"] == "20m"
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["a.b", "c.d"]


def test_an_ingress_without_hosts_is_for_every_host(chart: Chart) -> None:
    (rule,) = chart(api={"ingress": {"enabled": True}})["Ingress"]["spec"]["rules"]
    assert "host" not in rule


def test_a_route_lets_streams_last_an_hour(chart: Chart) -> None:
    route = {"enabled": True, "parentRefs": [{"name": "gateway"}], "hostnames": ["a.b"]}
    spec = chart(api={"httpRoute": route})["HTTPRoute"]["spec"]
    (rule,) = spec["rules"]
    assert rule["timeouts"] == {"request": "3600s", "backendRequest": "3600s"}
    assert rule["backendRefs"] == [{"name": "r-aiex", "port": 80}]
    assert spec["parentRefs"] == [{"name": "gateway"}]


def test_a_route_without_a_gateway_is_refused(chart: Chart) -> None:
    for said in chart.refusal(api={"httpRoute": {"enabled": True}}).values():
        assert "api.httpRoute is on and belongs to no Gateway. Name one in" in said


def test_nothing_is_published_unless_asked_for(chart: Chart) -> None:
    rendering = chart()
    assert rendering["Service"]["spec"]["type"] == "ClusterIP"
    assert not rendering.of("Ingress")
    assert not rendering.of("HTTPRoute")
