"""NATS as the chart renders it: three servers apart from each other, one restarted at a time."""

import re
from typing import Any

import pytest

from tests.deploy.chart.rendering import Chart, Object, Rendering

COMPONENT = "app.kubernetes.io/component"


def nats_of(rendering: Rendering) -> Object:
    return rendering.named("StatefulSet", "nats")


def pod_of(rendering: Rendering) -> Object:
    pod: Object = nats_of(rendering)["spec"]["template"]
    return pod


def server_of(rendering: Rendering) -> Object:
    (container,) = pod_of(rendering)["spec"]["containers"]
    return dict(container)


def config_of(rendering: Rendering) -> str:
    return str(rendering.named("ConfigMap", "nats")["data"]["nats.conf"])


def test_servers_have_fixed_names_volumes_and_machines_of_their_own(chart: Chart) -> None:
    spec = nats_of(chart())["spec"]
    assert spec["replicas"] == 3
    assert spec["serviceName"] == "r-aiex-nats-headless"
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["updateStrategy"] == {"type": "RollingUpdate"}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    }
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "10Gi"}},
    }
    (apart,) = spec["template"]["spec"]["affinity"]["podAntiAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    assert (
        apart["labelSelector"]["matchLabels"].items()
        <= spec["template"]["metadata"]["labels"].items()
    )


def test_where_machines_are_few_they_may_share_one(chart: Chart) -> None:
    affinity = pod_of(chart(nats={"antiAffinity": "preferred"}))["spec"]["affinity"]
    assert list(affinity["podAntiAffinity"]) == ["preferredDuringSchedulingIgnoredDuringExecution"]


def test_volumes_are_as_the_values_say(chart: Chart) -> None:
    values = {
        "size": "50G",
        "storageClass": "fast",
        "accessMode": "ReadWriteOncePod",
        "whenDeleted": "Delete",
    }
    rendering = chart(nats={"volume": values})
    spec = nats_of(rendering)["spec"]
    assert spec["volumeClaimTemplates"][0]["spec"] == {
        "accessModes": ["ReadWriteOncePod"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "50G"}},
    }
    assert spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"
    assert "max_file_store: 45000000000\n" in config_of(rendering)


@pytest.mark.parametrize(
    ("size", "bytes_max"),
    [("1Ti", 989560464998), ("1.5Gi", 1449551462), ("10000000000", 9000000000)],
)
def test_nine_tenths_of_a_volume_are_used(chart: Chart, size: str, bytes_max: int) -> None:
    assert f"max_file_store: {bytes_max}\n" in config_of(chart(nats={"volume": {"size": size}}))


def test_memory_is_bounded_below_its_limit(chart: Chart) -> None:
    rendering = chart(nats={"resources": {"limits": {"memory": "1Gi"}}})
    assert "max_memory_store: 268435456\n" in config_of(rendering)
    assert environment(rendering)["GOMEMLIMIT"] == "858993459"


def environment(rendering: Rendering) -> dict[str, Any]:
    return {
        one["name"]: one.get("value", one.get("valueFrom")) for one in server_of(rendering)["env"]
    }


def test_what_is_acknowledged_is_on_the_discs(chart: Chart) -> None:
    assert re.search(r"^  sync_interval: always$", config_of(chart()), re.MULTILINE)


def test_one_may_be_away_and_a_broken_one_holds_no_drain_up(chart: Chart) -> None:
    budget = chart().named("PodDisruptionBudget", "nats")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    labels = pod_of(chart())["metadata"]["labels"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()
    assert labels[COMPONENT] == "nats"


def test_a_server_on_its_own_has_no_cluster_and_a_store_of_its_own(chart: Chart) -> None:
    alone = chart(nats={"replicas": 1})
    assert "cluster {" not in config_of(alone)
    assert 'store_dir: "/data/alone"' in config_of(alone)
    assert 'store_dir: "/data/cluster"' in config_of(chart())
    assert ("PodDisruptionBudget", "r-aiex-nats") not in alone.objects
    assert not [name for name in environment(alone) if name.startswith("ROUTE_0")]


def test_five_know_of_five(chart: Chart) -> None:
    five = chart(nats={"replicas": 5})
    assert "routes: [$ROUTE_0, $ROUTE_1, $ROUTE_2, $ROUTE_3, $ROUTE_4]" in config_of(five)
    assert "r-aiex-nats-4.r-aiex-nats-headless:6222" in environment(five)["ROUTE_4"]


def test_the_next_is_restarted_once_the_one_before_has_all_it_should_keep(chart: Chart) -> None:
    server = server_of(chart())
    assert server["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert server["readinessProbe"]["httpGet"]["path"] == "/healthz?js-enabled-only=true"
    assert server["livenessProbe"]["httpGet"]["path"] == "/"
    startup = server["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 3600
    assert nats_of(chart())["spec"]["minReadySeconds"] > 0


def test_it_leaves_as_a_lame_duck_within_its_grace(chart: Chart) -> None:
    """30 seconds is the shortest that NATS takes."""
    rendering = chart()
    words = dict(re.findall(r"^(lame_duck\w+): (\d+)s$", config_of(rendering), re.MULTILINE))
    assert server_of(rendering)["lifecycle"]["preStop"]["exec"]["command"] == [
        "nats-server",
        "-sl=ldm=/run/nats/nats.pid",
    ]
    assert 'pid_file: "/run/nats/nats.pid"' in config_of(rendering)
    grace_s = pod_of(rendering)["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= sum(map(int, words.values())) + 15


def test_no_secret_is_in_the_configuration(chart: Chart) -> None:
    config = config_of(chart())
    assert set(re.findall(r"password: (\S+?)[}\s]", config)) == {
        "$ROUTE_PASS",
        "$SYSTEM_PASS",
        "$ENGINE_PASS",
    }
    assert environment(chart())["ENGINE_PASS"] == "'$(ENGINE_PASSWORD)'"
    assert environment(chart())["ENGINE_PASSWORD"] == {
        "secretKeyRef": {"name": "r-aiex-secrets", "key": "engine-password"}
    }
    assert environment(chart())["ROUTE_PASSWORD"] == {
        "secretKeyRef": {"name": "r-aiex-nats-auth", "key": "route-password"}
    }


def test_secrets_may_be_somebody_elses(chart: Chart) -> None:
    rendering = chart(
        secrets={"existingSecret": "mine"},
        nats={"auth": {"existingSecret": "routes"}, "tls": {"existingSecret": "certificates"}},
    )
    names = {
        one["secretKeyRef"]["name"]
        for one in environment(rendering).values()
        if isinstance(one, dict) and "secretKeyRef" in one
    }
    assert names == {"mine", "routes"}
    volumes = {one["name"]: one for one in pod_of(rendering)["spec"]["volumes"]}
    assert volumes["tls"]["secret"]["secretName"] == "certificates"
    (node_tls,) = [one for one in rendering.pod["spec"]["volumes"] if one["name"] == "engine-tls"]
    assert node_tls["secret"]["secretName"] == "certificates"


def test_its_pods_are_as_restricted_as_can_be(chart: Chart) -> None:
    pod, server = pod_of(chart())["spec"], server_of(chart())
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10002
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert server["securityContext"]["readOnlyRootFilesystem"] is True
    assert server["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False


def test_an_upgrade_of_aiex_alone_restarts_no_server(chart: Chart) -> None:
    labels = pod_of(chart(image={"tag": "9.9.9"}))["metadata"]["labels"]
    assert "helm.sh/chart" not in labels
    assert "app.kubernetes.io/version" not in labels
    assert pod_of(chart(image={"tag": "9.9.9"})) == pod_of(chart())


def test_another_configuration_does_restart_them(chart: Chart) -> None:
    def checksum(rendering: Rendering) -> str:
        return str(pod_of(rendering)["metadata"]["annotations"]["checksum/config"])

    assert checksum(chart(nats={"volume": {"size": "11Gi"}})) != checksum(chart())


def test_only_nodes_and_servers_come_to_it(chart: Chart) -> None:
    policy = chart().named("NetworkPolicy", "nats")["spec"]
    by_port = {rule["ports"][0]["port"]: rule["from"] for rule in policy["ingress"]}
    assert set(by_port) == {"client", "route"}
    come = [one["podSelector"]["matchLabels"][COMPONENT] for one in by_port["client"]]
    assert come == ["node", "nats-reload"]
    assert [one["podSelector"]["matchLabels"][COMPONENT] for one in by_port["route"]] == ["nats"]
    monitors = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    policy = chart(nats={"networkPolicy": {"monitors": monitors}}).named("NetworkPolicy", "nats")[
        "spec"
    ]
    assert policy["ingress"][-1]["ports"][0]["port"] == "monitor"
    assert policy["ingress"][-1]["from"] == monitors


def test_nodes_verify_its_certificate_and_have_no_key_of_it(chart: Chart) -> None:
    rendering = chart()
    engine = rendering.settings["engine"]
    assert engine == {
        "url": "tls://r-aiex-nats:4222",
        "tls_ca_file": "/etc/aiex/engine-tls/ca.crt",
    }
    (volume,) = [one for one in rendering.pod["spec"]["volumes"] if one["name"] == "engine-tls"]
    assert volume["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]


def test_without_tls_there_is_none_anywhere(chart: Chart) -> None:
    rendering = chart(nats={"tls": {"enabled": False}})
    assert "tls" not in config_of(rendering)
    assert rendering.settings["engine"] == {"url": "nats://r-aiex-nats:4222"}
    assert "tls" not in [one["name"] for one in pod_of(rendering)["spec"]["volumes"]]


def test_a_job_tells_servers_of_a_renewed_certificate_and_holds_no_key(chart: Chart) -> None:
    rendering = chart()
    job = rendering.named("CronJob", "reload")["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    pod = job["jobTemplate"]["spec"]["template"]
    assert pod["spec"]["automountServiceAccountToken"] is False
    mounted = {
        one["secret"]["secretName"]: [item["key"] for item in one["secret"]["items"]]
        for one in pod["spec"]["volumes"]
    }
    assert mounted == {
        "r-aiex-nats-tls": ["tls.crt", "ca.crt"],
        "r-aiex-nats-auth": ["system-password"],
    }
    labels = pod["metadata"]["labels"]
    policy = rendering.named("NetworkPolicy", "reload")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    (_, way) = policy["egress"]
    assert [one["port"] for one in way["ports"]] == ["client"]
    door, *_ = rendering.named("NetworkPolicy", "nats")["spec"]["ingress"]
    admitted = [one["podSelector"]["matchLabels"] for one in door["from"]]
    assert any(one.items() <= labels.items() for one in admitted)


@pytest.mark.parametrize(
    "nats", [{"tls": {"enabled": False}}, {"tls": {"reload": {"enabled": False}}}]
)
def test_without_certificates_or_told_not_to_nobody_tells(
    chart: Chart, nats: dict[str, Any]
) -> None:
    rendering = chart(nats=nats)
    assert rendering.of("CronJob") == []
    door, *_ = rendering.named("NetworkPolicy", "nats")["spec"]["ingress"]
    assert len(door["from"]) == 1


def test_cert_manager_makes_what_the_job_else_would(chart: Chart) -> None:
    rendering = chart(nats={"tls": {"certManager": {"enabled": True}}})
    assert [one["metadata"]["name"] for one in rendering.of("Issuer")] == [
        "r-aiex-nats-self-signed",
        "r-aiex-nats-ca",
    ]
    leaf = rendering.objects["Certificate", "r-aiex-nats-tls"]["spec"]
    assert leaf["secretName"] == "r-aiex-nats-tls"
    assert {"r-aiex-nats", "r-aiex-nats-2.r-aiex-nats-headless", "localhost"} <= set(
        leaf["dnsNames"]
    )
    assert set(leaf["usages"]) >= {"server auth", "client auth"}
    job = rendering.objects["Job", "r-aiex-secrets"]
    assert "--nats-tls" not in job["spec"]["template"]["spec"]["containers"][0]["args"]
    named = {"issuerRef": {"name": "company", "kind": "ClusterIssuer"}, "enabled": True}
    rendering = chart(nats={"tls": {"certManager": named}})
    assert rendering.of("Issuer") == []
    (leaf,) = rendering.of("Certificate")
    assert leaf["spec"]["issuerRef"]["name"] == "company"
