"""Settings that are each right and together wrong, each told with what to change."""

from pathlib import Path
from typing import Any

import pytest

from aiex.errors import SettingsError
from aiex.settings import (
    AdminSettings,
    ApiSettings,
    EngineSettings,
    LimitsSettings,
    ModelSettings,
    PriceSettings,
    ProviderSettings,
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


def test_a_file_that_is_no_toml_is_not_said_to_lack_what_may_be_in_it(tmp_path: Path) -> None:
    file = tmp_path / "aiex.toml"
    file.write_text("[providers.b]\nkind = ")
    told = problems_of({"models": '{"x": {"targets": [{"provider": "b"}]}}'}, file)
    assert len(told) == 1


def problems_of(flags: dict[str, str], file: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(file, {}, flags)
    return str(refused.value).splitlines()
