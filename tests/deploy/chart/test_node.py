"""What a node's pod promises, whatever the values."""

import pytest

from tests.deploy.chart.rendering import Chart

SELECTOR = {
    "app.kubernetes.io/name": "aiex",
    "app.kubernetes.io/instance": "r",
    "app.kubernetes.io/component": "node",
}


def test_a_pod_fits_pod_security_restricted(chart: Chart) -> None:
    pod = chart().pod["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert chart().node["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


def test_a_node_has_no_rights_in_kubernetes(chart: Chart) -> None:
    pod = chart().pod["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert chart()["ServiceAccount"]["automountServiceAccountToken"] is False
    granted = [one for kind in ("RoleBinding", "ClusterRoleBinding") for one in chart().of(kind)]
    names = [subject["name"] for one in granted for subject in one["subjects"]]
    assert pod["serviceAccountName"] not in names


def test_services_beside_it_put_nothing_into_its_environment(chart: Chart) -> None:
    assert chart().pod["spec"]["enableServiceLinks"] is False


def test_three_probes_ask_three_questions(chart: Chart) -> None:
    node = chart().node
    asked = {name: node[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert asked["startup"] == {"path": "/livez", "port": "admin", "scheme": "HTTP"}
    assert asked["liveness"] == {"path": "/livez", "port": "admin", "scheme": "HTTP"}
    assert asked["readiness"] == {"path": "/readyz", "port": "api", "scheme": "HTTP"}


def test_a_node_may_take_two_minutes_to_start_and_a_dead_one_is_found_within_one(
    chart: Chart,
) -> None:
    def patience_s(probe: str) -> int:
        asked = chart().node[f"{probe}Probe"]
        return int(asked["periodSeconds"] * asked["failureThreshold"])

    assert patience_s("startup") == 120
    assert patience_s("liveness") == 60
    assert patience_s("readiness") == 4


def test_with_tls_probes_ask_over_https(chart: Chart) -> None:
    node = chart(api={"tls": {"existingSecret": "a"}}).node
    assert node["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert node["livenessProbe"]["httpGet"]["scheme"] == "HTTP"


@pytest.mark.parametrize(
    ("values", "grace_s"),
    [
        ({}, 5 + 60 + 15),
        ({"drain": {"deadlineSeconds": 600}}, 5 + 600 + 15),
        ({"drain": {"propagationDelaySeconds": 20}}, 20 + 60 + 15),
        ({"mesh": {"preStopSleepSeconds": 7}}, 7 + 5 + 60 + 15),
    ],
)
def test_the_grace_period_is_the_whole_way_of_a_stop(
    chart: Chart, values: dict[str, object], grace_s: int
) -> None:
    rendering = chart(**values)
    assert rendering.pod["spec"]["terminationGracePeriodSeconds"] == grace_s
    drain = rendering.settings["node"]
    sleep_s = rendering.node.get("lifecycle", {}).get("preStop", {}).get("sleep", {"seconds": 0})
    promised = drain["propagation_delay_s"] + drain["drain_deadline_s"] + sleep_s["seconds"]
    assert grace_s == promised + 15


def test_without_a_mesh_nothing_runs_before_the_stop_since_the_image_has_no_shell(
    chart: Chart,
) -> None:
    assert "lifecycle" not in chart().node
    node = chart(mesh={"preStopSleepSeconds": 7}).node
    assert node["lifecycle"] == {"preStop": {"sleep": {"seconds": 7}}}


def test_by_default_a_node_gets_one_to_two_cpus_and_two_to_four_gib(chart: Chart) -> None:
    resources = chart().node["resources"]
    assert (resources["requests"]["cpu"], resources["requests"]["memory"]) == ("1", "2Gi")
    assert (resources["limits"]["cpu"], resources["limits"]["memory"]) == ("2", "4Gi")


def test_its_storage_has_room_for_its_volumes(chart: Chart) -> None:
    volumes = {one["name"]: one for one in chart().pod["spec"]["volumes"]}
    assert volumes["data"]["emptyDir"] == {"sizeLimit": "2Gi"}
    assert volumes["tmp"]["emptyDir"] == {"sizeLimit": "256Mi"}
    assert chart().node["resources"]["limits"]["ephemeral-storage"] == "3Gi"


def test_what_a_node_writes_is_in_volumes(chart: Chart) -> None:
    mounts = {one["mountPath"]: one for one in chart().node["volumeMounts"]}
    writable = {path for path, mount in mounts.items() if not mount.get("readOnly")}
    environment = chart().environment
    assert writable == {"/var/lib/aiex", "/tmp"}
    assert environment["AIEX_NODE__DATA_DIR"] == "/var/lib/aiex"
    assert (environment["HOME"], environment["TMPDIR"]) == ("/tmp", "/tmp")


def test_a_node_is_called_as_its_pod_and_knows_its_zone(chart: Chart) -> None:
    environment = chart().environment
    assert environment["AIEX_NODE__NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert environment["AIEX_NODE__ZONE"] == {
        "fieldRef": {"fieldPath": "metadata.labels['topology.kubernetes.io/zone']"}
    }


def test_a_node_runs_from_its_settings_alone(chart: Chart) -> None:
    assert chart().node["args"] == ["serve", "--config", "/etc/aiex/aiex.toml"]
    assert "command" not in chart().node


def test_an_update_has_the_new_node_before_the_old_one_goes(chart: Chart) -> None:
    spec = chart()["Deployment"]["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    assert (spec["minReadySeconds"], spec["revisionHistoryLimit"]) == (5, 5)


def test_changed_settings_replace_the_nodes_and_nothing_else_does(chart: Chart) -> None:
    def checksum(**values: object) -> str:
        return str(chart(**values).pod["metadata"]["annotations"]["checksum/config"])

    assert checksum(settings={"log": {"level": "debug"}}) != checksum()
    assert checksum(replicas=5) == checksum()


def test_nodes_are_spread_over_machines_and_zones(chart: Chart) -> None:
    constraints = chart().pod["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in constraints] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    for one in constraints:
        assert (one["maxSkew"], one["whenUnsatisfiable"]) == (1, "ScheduleAnyway")
        assert one["labelSelector"]["matchLabels"] == SELECTOR
        assert one["matchLabelKeys"] == ["pod-template-hash"]
    hard = chart(topologySpread={"whenUnsatisfiable": "DoNotSchedule"}).pod["spec"]
    assert {one["whenUnsatisfiable"] for one in hard["topologySpreadConstraints"]} == {
        "DoNotSchedule"
    }


def test_two_nodes_rather_share_no_machine(chart: Chart) -> None:
    """Old and new ones too, which the spread leaves alone during an update."""
    affinity = chart().pod["spec"]["affinity"]["podAntiAffinity"]
    (term,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"] == {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": SELECTOR},
    }


def test_one_broken_node_never_blocks_a_drain(chart: Chart) -> None:
    assert chart()["PodDisruptionBudget"]["spec"] == {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": SELECTOR},
    }


def test_a_digest_wins_over_a_tag(chart: Chart) -> None:
    digest = f"sha256:{'a' * 64}"
    assert chart().node["image"] == "aiex:0.1.0"
    assert chart(image={"repository": "r/x", "tag": "1"}).node["image"] == "r/x:1"
    assert chart(image={"tag": "1", "digest": digest}).node["image"] == f"aiex@{digest}"


def test_where_pods_go_is_the_operators(chart: Chart) -> None:
    values = {
        "affinity": {"nodeAffinity": {"x": 1}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "priorityClassName": "high",
    }
    pod = chart(**values).pod["spec"]
    assert {name: pod[name] for name in values} == values


def test_selectors_never_change_with_a_version(chart: Chart) -> None:
    assert chart()["Deployment"]["spec"]["selector"] == {"matchLabels": SELECTOR}
    labels = chart(podLabels={"team": "ml"}).pod["metadata"]["labels"]
    assert labels.items() >= {**SELECTOR, "team": "ml"}.items()


def test_labels_and_annotations_of_the_chart_are_its_own(chart: Chart) -> None:
    labels = {"app.kubernetes.io/component": "mine", "team": "ml"}
    annotations = {"checksum/config": "mine"}
    for said in chart.refusal(podLabels=labels, podAnnotations=annotations).values():
        assert "podLabels has app.kubernetes.io/component, which is the chart's own" in said
        assert "podAnnotations has checksum/config, which is the chart's own" in said
        assert "team" not in said


def test_secrets_are_files_that_others_cannot_read(chart: Chart) -> None:
    rendering = chart()
    environment = rendering.environment
    for variable, file in (
        ("AIEX_ADMIN__TOKEN_FILE", "admin-token"),
        ("AIEX_API__KEY_FILE", "api-key"),
        ("AIEX_API_KEY_FILE", "api-key"),
    ):
        assert environment[variable] == f"/etc/aiex/secrets/{file}"
    (volume,) = (one for one in rendering.pod["spec"]["volumes"] if one["name"] == "secrets")
    assert volume["secret"]["secretName"] == "r-aiex-secrets"
    assert volume["secret"]["defaultMode"] == 0o440


def test_names_stay_short_enough_for_what_is_made_of_them(chart: Chart) -> None:
    longest = "n" * 45
    rendering = chart(fullnameOverride=longest)
    names = [name for _, name in rendering.objects]
    assert f"{longest}-headless" in names
    assert max(map(len, names)) <= 63
