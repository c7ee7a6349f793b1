"""Settings that are each right and together wrong, each told with what to change."""

from pathlib import Path
from typing import Any

import pytest

from aiex.errors import SettingsError
from aiex.settings import (
    AdminSettings,
    ApiSettings,
    ClusterSettings,
    EngineSettings,
    LimitsSettings,
    ModelSettings,
    PriceSettings,
    ProviderSettings,
    Secret,
    Settings,
    TargetSettings,
    load,
)
from aiex.settings.conflicts import conflicts

OPENAI = ProviderSettings(kind="openai", base_url="https://api.example/v1")


def conflicting(**sections: Any) -> list[str]:
    """The settings to change."""
    return [".".join(path) for path, _ in conflicts(Settings(**sections))]


def test_the_defaults_are_at_peace() -> None:
    assert conflicting() == []


def test_a_conflict_is_told_with_its_source() -> None:
    with pytest.raises(SettingsError) as refused:
        load(None, {"AIEX_API__AUTH": "open"}, {"api.host": "0.0.0.0", "admin.port": "8080"})
    assert str(refused.value) == ("api.auth (AIEX_API__AUTH): 'open' is possible on loopback only")


@pytest.mark.parametrize("base_url", ["", "api.example/v1", "ftp://api.example"])
def test_an_openai_provider_needs_an_http_address(base_url: str) -> None:
    provider = ProviderSettings(kind="openai", base_url=base_url)
    assert conflicting(providers={"a": provider}) == ["providers.a.base_url"]
    assert conflicting(providers={"a": OPENAI, "m": ProviderSettings(kind="mock")}) == []


@pytest.mark.parametrize(
    "base_url",
    ["", "acme.openai.azure.com", "https://a.example/openai", "https://a.example/openai/v1"],
)
def test_an_azure_provider_needs_the_address_of_its_resource_alone(base_url: str) -> None:
    assert conflicting(providers={"a": ProviderSettings(kind="azure", base_url=base_url)}) == [
        "providers.a.base_url"
    ]
    right = ProviderSettings(kind="azure", base_url="https://openai.example", api_version="preview")
    assert conflicting(providers={"a": right}) == []


def test_a_gemini_provider_knows_its_address_and_only_azure_has_versions() -> None:
    assert conflicting(providers={"g": ProviderSettings(kind="gemini")}) == []
    wrong = ProviderSettings(kind="gemini", base_url="google", api_version="1")
    assert conflicting(providers={"g": wrong}) == [
        "providers.g.base_url",
        "providers.g.api_version",
    ]


@pytest.mark.parametrize("header", ["Authorization", "authorization", "X-Api-Key", "api-key"])
def test_a_secret_belongs_in_api_key_not_in_headers(header: str) -> None:
    provider = ProviderSettings(kind="mock", headers={"org": "acme", header: "sk-1"})
    assert conflicting(providers={"a": provider}) == ["providers.a.headers"]


def test_a_target_names_a_provider_there_is() -> None:
    model = ModelSettings(targets=(TargetSettings("open"), TargetSettings("other")))
    assert conflicts(Settings(providers={"openai": OPENAI}, models={"x": model})) == [
        (("models", "x", "targets"), "there is no provider 'open'; did you mean 'openai'?"),
        (("models", "x", "targets"), "there is no provider 'other'"),
    ]


def test_a_fallback_names_a_model_there_is() -> None:
    targets = (TargetSettings("a"),)
    models = {
        "x": ModelSettings(targets=targets, fallbacks=("y", "z")),
        "y": ModelSettings(targets=targets),
    }
    assert conflicts(Settings(providers={"a": OPENAI}, models=models)) == [
        (("models", "x", "fallbacks"), "'z' is not a model")
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "node.example"])
def test_an_open_api_stays_on_loopback(host: str) -> None:
    assert conflicting(api=ApiSettings(host=host, auth="open")) == ["api.auth"]
    assert conflicting(api=ApiSettings(host=host, auth="auto")) == []
    assert conflicting(api=ApiSettings(host="::1", auth="open")) == []


def test_two_listeners_of_one_host_need_two_ports() -> None:
    assert conflicting(api=ApiSettings(port=9), admin=AdminSettings(port=9)) == ["admin.port"]
    assert conflicting(api=ApiSettings(port=0), admin=AdminSettings(port=0)) == []
    elsewhere = AdminSettings(host="127.0.0.2", port=9)
    assert conflicting(api=ApiSettings(port=9), admin=elsewhere) == []


@pytest.mark.parametrize("url", ["http://engine", "nats://a:4222,b:4222", "nats://", "//[::1"])
def test_an_engine_has_an_address_as_the_check_of_the_settings_already_says(url: str) -> None:
    assert conflicting(engine=EngineSettings(url=url)) == ["engine.url"]


def test_an_address_that_is_none_is_not_repeated_since_it_may_hold_a_password() -> None:
    with pytest.raises(SettingsError) as refused:
        load(None, {}, {"engine.url": "https://bob:hunter2@host"})
    assert str(refused.value) == (
        "engine.url (--set engine.url): no address of an engine: it begins with https://; "
        "only nats:// and tls:// can be"
    )


def test_a_shared_port_is_one_more_port() -> None:
    assert conflicting(api=ApiSettings(port=9, shared_port=9)) == ["api.shared_port"]
    shared = ApiSettings(port=8, shared_port=9)
    assert conflicting(api=shared, admin=AdminSettings(port=9)) == ["admin.port"]
    assert conflicting(api=shared) == []


def test_an_external_engine_has_no_program() -> None:
    engine = EngineSettings(url="nats://engine", server_path="/usr/bin/nats-server")
    assert conflicting(engine=engine) == ["engine.server_path"]


def test_money_has_six_decimals() -> None:
    prices = {"a/m": PriceSettings(0.000001, 1e-7), "m": PriceSettings(2.5, 10.0, 0.1234567, 0.15)}
    assert conflicting(prices=prices, limits=LimitsSettings(budget_usd=1.0000001)) == [
        "limits.budget_usd",
        "prices.a/m.output_usd_per_million",
        "prices.m.cached_usd_per_million",
    ]


def test_a_model_is_limited_by_its_name_or_a_prefix() -> None:
    assert conflicting(limits=LimitsSettings(models=("a", "b*", "*"))) == []
    assert conflicting(limits=LimitsSettings(models=("a*b",))) == ["limits.models"]


def test_while_a_value_is_wrong_conflicts_are_not_guessed_at() -> None:
    with pytest.raises(SettingsError) as refused:
        load(None, {"AIEX_API__AUTH": "open", "AIEX_API__PORT": "x"}, {"api.host": "0.0.0.0"})
    assert [line.split()[0] for line in str(refused.value).splitlines()] == ["api.port"]


def test_tls_needs_a_certificate_and_its_key() -> None:
    assert conflicting(api=ApiSettings(tls_certificate_file="c")) == ["api.tls_key_file"]
    assert conflicting(admin=AdminSettings(tls_key_file="k")) == ["admin.tls_certificate_file"]
    assert conflicting(api=ApiSettings(tls_certificate_file="c", tls_key_file="k")) == []


def test_the_largest_body_has_to_find_room() -> None:
    small = ApiSettings(body_bytes_max=5000, body_bytes_in_flight_max=4999)
    assert conflicting(api=small) == ["api.body_bytes_in_flight_max"]
    enough = ApiSettings(body_bytes_max=5000, body_bytes_in_flight_max=5000)
    assert conflicting(api=enough) == []


def test_shedding_grows_towards_a_later_loop() -> None:
    assert conflicting(api=ApiSettings(shed_from_lag_s=0.5, shed_all_lag_s=0.5)) == [
        "api.shed_all_lag_s"
    ]


SECRET = Secret("sixteen letters!")
SEEDS = ("10.0.0.1", "10.0.0.2:7000", "node-3.example")


def cluster_conflicts(**fields: Any) -> list[str]:
    """The settings of the section to change."""
    paths = conflicting(cluster=ClusterSettings(**fields))
    assert all(path.startswith("cluster.") for path in paths)
    return [path.removeprefix("cluster.") for path in paths]


@pytest.mark.parametrize(
    "fields",
    [
        {"discovery": "local"},
        {"discovery": "local", "route_port": 0, "client_port": 0, "carries": "no"},
        {"discovery": "static", "seeds": SEEDS, "secret": SECRET, "host": "10.0.0.1"},
        {"discovery": "static", "seeds": SEEDS[:1], "secret": SECRET},
        {"discovery": "dns", "dns_name": "aiex.default.svc", "secret": SECRET, "host": "::"},
        {"discovery": "dns", "dns_name": "_route._tcp.aiex.", "secret": SECRET, "carries": "yes"},
    ],
)
def test_each_discovery_has_what_it_needs(fields: dict[str, Any]) -> None:
    assert cluster_conflicts(**fields) == []


@pytest.mark.parametrize("count", [0, 2, 4, 6])
def test_the_seeds_are_one_three_or_five(count: int) -> None:
    seeds = tuple(f"10.0.0.{number}" for number in range(count))
    assert cluster_conflicts(discovery="static", seeds=seeds, secret=SECRET) == ["seeds"]


def test_a_seed_is_a_host_of_its_own() -> None:
    def refused(*seeds: str) -> list[str]:
        settings = ClusterSettings(discovery="static", seeds=seeds, secret=SECRET)
        return [text for _, text in conflicts(Settings(cluster=settings))]

    assert refused("a:b") == ["'a:b' is not host or host:port"]
    assert refused("a", "A:7", "b") == ["'a' is there twice; a seed is a host of its own"]


def test_a_place_to_look_is_for_the_discovery_that_looks_there() -> None:
    assert cluster_conflicts(discovery="local", seeds=SEEDS) == ["seeds"]
    assert cluster_conflicts(dns_name="aiex") == ["dns_name"]
    assert cluster_conflicts(discovery="dns", secret=SECRET) == ["dns_name"]


def test_nodes_that_meet_over_the_network_have_a_secret() -> None:
    assert cluster_conflicts(discovery="static", seeds=SEEDS) == ["secret"]
    assert cluster_conflicts(discovery="dns", dns_name="aiex") == ["secret"]
    assert cluster_conflicts(discovery="local") == []


def test_a_secret_is_not_short() -> None:
    assert cluster_conflicts(secret=Secret("fifteen letters")) == ["secret"]


@pytest.mark.parametrize("discovery", ["none", "local"])
def test_nodes_of_one_machine_stay_on_loopback(discovery: str) -> None:
    assert cluster_conflicts(discovery=discovery, host="10.0.0.1") == ["host"]


def test_who_carries_is_asked_where_there_is_a_choice() -> None:
    assert cluster_conflicts(carries="yes") == ["carries"]
    seeds = {"discovery": "static", "seeds": SEEDS, "secret": SECRET}
    assert cluster_conflicts(**seeds, carries="no") == ["carries"]


def test_nodes_at_an_external_engine_meet_there() -> None:
    engine = EngineSettings(url="nats://engine")
    local = ClusterSettings(discovery="local")
    assert conflicting(engine=engine, cluster=local) == ["cluster.discovery"]
    assert conflicting(engine=engine) == []


def test_ports_that_others_have_to_know_are_not_found_free() -> None:
    dns = {"discovery": "dns", "dns_name": "aiex", "secret": SECRET}
    assert cluster_conflicts(**dns, route_port=0, client_port=0) == ["route_port", "client_port"]


def test_the_engines_two_ports_are_not_one_and_no_listeners() -> None:
    assert cluster_conflicts(discovery="local", route_port=7, client_port=7) == ["client_port"]
    assert cluster_conflicts(discovery="local", route_port=8080) == ["route_port"]
    dns = {"discovery": "dns", "dns_name": "aiex", "secret": SECRET}
    assert cluster_conflicts(**dns, host="0.0.0.0", client_port=8081) == ["client_port"]
    assert cluster_conflicts(**dns, host="10.0.0.1", client_port=8081) == []


@pytest.mark.parametrize("given", [{"tls_ca_file"}, {"tls_certificate_file", "tls_key_file"}])
def test_tls_between_nodes_needs_all_three_files(given: set[str]) -> None:
    files = {"tls_certificate_file", "tls_key_file", "tls_ca_file"}
    missing = cluster_conflicts(discovery="local", **dict.fromkeys(given, "file"))
    assert set(missing) == files - given
    assert cluster_conflicts(discovery="local", **dict.fromkeys(files, "file")) == []


def test_how_many_carry_is_one_three_or_five() -> None:
    for text in ("0", "2", "4", "7"):
        with pytest.raises(SettingsError, match=r"cluster\.carriers"):
            load(None, {"AIEX_CLUSTER__CARRIERS": text}, {})
    assert load(None, {"AIEX_CLUSTER__CARRIERS": "5"}, {}).settings.cluster.carriers == 5


@pytest.mark.parametrize("name", ["a b", "a/b", "aiex..svc", ".aiex", "http://aiex"])
def test_a_dns_name_is_one(name: str) -> None:
    with pytest.raises(SettingsError, match=r"cluster\.dns_name"):
        load(None, {"AIEX_CLUSTER__DNS_NAME": name, "AIEX_CLUSTER__DISCOVERY": "dns"}, {})


def test_seeds_come_as_json_from_the_environment_and_the_secret_from_a_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "secret").write_text("sixteen letters!\n")
    environment = {
        "AIEX_CLUSTER__DISCOVERY": "static",
        "AIEX_CLUSTER__SEEDS": '["10.0.0.1", "10.0.0.2", "10.0.0.3"]',
        "AIEX_CLUSTER__SECRET_FILE": str(tmp_path / "secret"),
    }
    cluster = load(None, environment, {}).settings.cluster
    assert (len(cluster.seeds), cluster.secret) == (3, SECRET)


def test_conflicts_are_told_together_with_what_is_wrong_by_itself() -> None:
    told = problems_of(
        {
            "log.level": "loud",
            "providers": '{"a": {"kind": "openai"}, "m": {"kind": "mok"}}',
            "models": '{"x": {"targets": [{"provider": "b"}], "fallbacks": ["y", "xx"]},'
            ' "y": {"targets": [{"provider": "m"}], "fallback": []}}',
            "admin.port": "8080",
        }
    )
    assert [line.split(" ")[0] for line in told] == [
        "log.level",
        "providers.m.kind",
        "models.y.fallback",
        "providers.a.base_url",
        "models.x.targets",
        "models.x.fallbacks",
        "admin.port",
    ]
    assert "'xx' is not a model; did you mean 'x'?" in told[5]


@pytest.mark.parametrize(
    "flags",
    [
        {"api.port": "high", "admin.port": "8080"},
        {"providers": "[]", "models": '{"x": {"targets": [{"provider": "b"}]}}'},
        {"providers.b.kind": "opnai", "models": '{"x": {"targets": [{"provider": "b"}]}}'},
        {"models": "[]", "models.x.zzz": "1"},
        {"limits.budget_usd": "many", "limits.models": '["a*b"]'},
    ],
)
def test_what_depends_on_a_wrong_setting_is_not_judged(flags: dict[str, str]) -> None:
    assert len(problems_of(flags)) == 1


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"engine.tls_ca_file": "/ca"}, ["engine.tls_ca_file"]),
        ({"engine.url": "nats://n", "engine.tls_ca_file": "/ca"}, ["engine.tls_ca_file"]),
        (
            {"engine.url": "tls://n", "engine.tls_certificate_file": "/crt"},
            ["engine.tls_key_file"],
        ),
        (
            {"engine.url": "tls://n", "engine.tls_key_file": "/key"},
            ["engine.tls_certificate_file"],
        ),
    ],
)
def test_files_of_the_engines_tls_belong_to_tls_and_to_each_other(
    flags: dict[str, str], told: list[str]
) -> None:
    assert [line.split(" ")[0].rstrip(":") for line in problems_of(flags)] == told


def test_an_external_engine_with_tls_needs_no_file() -> None:
    load(None, {}, {"engine.url": "tls://n"})
    load(None, {}, {"engine.url": "tls://n", "engine.tls_ca_file": "/ca"})


def test_a_file_that_is_no_toml_is_not_said_to_lack_what_may_be_in_it(tmp_path: Path) -> None:
    file = tmp_path / "aiex.toml"
    file.write_text("[providers.b]\nkind = ")
    told = problems_of({"models": '{"x": {"targets": [{"provider": "b"}]}}'}, file)
    assert len(told) == 1


def problems_of(flags: dict[str, str], file: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(file, {}, flags)
    return str(refused.value).splitlines()
