"""The settings as the chart makes them, read by the node's own loader with its environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from aiex.settings import Loaded, Secret, load
from tests.deploy.chart.rendering import Chart, Rendering

OPENAI = {"kind": "openai", "base_url": "https://models.example/v1?a=1&b=<2>"}
MODEL = {"targets": [{"provider": "openai", "weight": 2}]}


def loaded(rendering: Rendering, directory: Path, files: Mapping[str, str]) -> Loaded:
    """What a node reads in a pod: its mounted files lie in `directory` here."""
    config = directory / "aiex.toml"
    config.write_text(rendering["ConfigMap"]["data"]["aiex.toml"], "utf-8")
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(content)
    environment = {
        name: value.replace("/etc/aiex", str(directory), 1)
        for name, value in rendering.environment.items()
        if isinstance(value, str)
    }
    of_the_pod = {"AIEX_NODE__NAME": "r-aiex-0", "AIEX_NODE__ZONE": ""}
    return load(config, environment | of_the_pod, {})


SECRETS = {
    "secrets/admin-token": "token",
    "secrets/api-key": "key",
    "secrets/engine-user": "aiex",
    "secrets/engine-password": "password",
}


def test_a_node_starts_from_the_defaults(chart: Chart, tmp_path: Path) -> None:
    settings = loaded(chart(), tmp_path, SECRETS).settings
    assert (settings.node.name, settings.node.zone) == ("r-aiex-0", "")
    assert (settings.node.propagation_delay_s, settings.node.drain_deadline_s) == (5, 60)
    assert (settings.api.host, settings.api.port) == ("::", 8080)
    assert (settings.admin.host, settings.admin.port) == ("::", 8081)
    assert settings.engine.url == "tls://r-aiex-nats:4222"
    assert settings.cluster.discovery == "none"
    assert settings.api.key == Secret("key")
    assert settings.admin.token == Secret("token")
    assert (settings.engine.user, settings.engine.password) == ("aiex", Secret("password"))
    assert [(name, one.kind) for name, one in settings.providers.items()] == [("mock", "mock")]


def test_a_provider_gets_its_key_and_authority_from_existing_secrets(
    chart: Chart, tmp_path: Path
) -> None:
    rendering = chart(
        settings={"providers": {"open-ai": OPENAI}},
        secretSettings=[
            {"setting": "providers.open-ai.api_key", "secret": "keys", "key": "of-openai"},
            {"setting": "providers.open-ai.ca_file", "secret": "company", "key": "ca.crt"},
        ],
    )
    file = "settings/providers.open-ai.api_key"
    provider = loaded(rendering, tmp_path, SECRETS | {file: "sk"}).settings.providers["open-ai"]
    assert provider.api_key == Secret("sk")
    assert provider.ca_file == str(tmp_path / "settings" / "providers.open-ai.ca_file")
    assert provider.base_url == OPENAI["base_url"]
    (volume,) = (one for one in rendering.pod["spec"]["volumes"] if one["name"] == "settings")
    assert volume["projected"] == {
        "defaultMode": 0o440,
        "sources": [
            {
                "secret": {
                    "name": "keys",
                    "items": [{"key": "of-openai", "path": "providers.open-ai.api_key"}],
                }
            },
            {
                "secret": {
                    "name": "company",
                    "items": [{"key": "ca.crt", "path": "providers.open-ai.ca_file"}],
                }
            },
        ],
    }


# Control characters helm 3 refuses itself, where a chart has a schema.
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Cf"]), max_size=12)
HEADERS = st.dictionaries(
    st.text("abcXYZ-é ", min_size=1, max_size=8), PRINTABLE, max_size=3
).filter(lambda names: not {"api-key", "x-api-key"} & {name.lower() for name in names})
PROVIDERS = st.fixed_dictionaries(
    {"kind": st.just("openai"), "base_url": st.just("http://x/v1")},
    optional={
        "headers": HEADERS,
        "connect_timeout_s": st.one_of(st.integers(0, 90), st.floats(0, 90)),
        "concurrency_max": st.integers(0, 10**9),
        "seed": st.integers(-(2**53) + 1, 2**53 - 1),
        "faults": st.fixed_dictionaries({}, optional={"cut_ratio": st.floats(0, 1)}),
    },
)
NAMES = st.text("abc.- é\"'\\\n#0", min_size=1, max_size=6)
TREES = st.fixed_dictionaries(
    {"providers": st.dictionaries(NAMES, PROVIDERS, min_size=1, max_size=3)}
)


@effort(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(tree=TREES, weights=st.lists(st.one_of(st.integers(1, 9), st.floats(0.01, 9)), max_size=3))
def test_a_node_reads_what_was_written_into_values(
    chart: Chart, tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Any], weights: list[Any]
) -> None:
    providers = tree["providers"]
    name = next(iter(providers))
    targets = [{"provider": name, "weight": weight} for weight in weights]
    models = {"some/model:1.0": {"targets": targets}} if targets else {}
    rendering = chart(settings={**tree, "models": models}, mockModel={"enabled": False})
    read = loaded(rendering, tmp_path_factory.mktemp("node"), SECRETS).settings
    assert read.providers.keys() == providers.keys()
    for name, written in providers.items():
        for setting, value in written.items():
            told = getattr(read.providers[name], setting)
            assert told == (value if setting != "faults" else type(told)(**value))
    assert [one.weight for model in read.models.values() for one in model.targets] == weights


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"api": {"port": 9}}, "settings.api.port is set by the chart; choose the Service's port"),
        ({"engine": {"url": "x"}}, "settings.engine.url is set by the values under nats and"),
        ({"node": {"drain_deadline_s": 9}}, "is the value drain.deadlineSeconds. Take it out"),
        ({"node": {"name": "x"}}, "settings.node.name is the pod's name"),
        ({"cluster": {"discovery": "dns"}}, "settings.cluster.discovery is `none` here"),
        ({"api": {"key": "x"}}, "settings.api.key is a secret"),
        (
            {"providers": {"x": {"kind": "gemini", "api_key": "y"}}},
            "{setting: providers.x.api_key, secret: …, key",
        ),
        ({"providers": {"mock": {"kind": "mock"}}}, "Set mockModel.enabled to false, or choose"),
    ],
)
def test_what_belongs_elsewhere_is_refused_in_words(
    chart: Chart, settings: dict[str, Any], words: str
) -> None:
    for said in chart.refusal(settings=settings).values():
        assert words in said


def test_all_problems_of_settings_are_told_at_once(chart: Chart) -> None:
    wrong = {"api": {"port": 9, "host": "x"}, "admin": {"token": "x"}}
    for said in chart.refusal(settings=wrong).values():
        assert all(
            name in said for name in ("settings.api.port", "settings.api.host", "admin.token")
        )


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("providers.opanai.api_key", "there is no settings.providers.opanai. Add it, or mend"),
        ("api.key", "secretSettings has api.key, which is a secret; it comes from the Secret"),
        ("providers.my.co.api_key", "a variable cannot name a provider with a dot"),
        ("providers.open-ai.api_key", "providers open-ai and open_ai are one name to a variable"),
    ],
)
def test_a_secret_that_no_setting_would_get_is_refused(
    chart: Chart, setting: str, words: str
) -> None:
    providers = {"open-ai": OPENAI, "open_ai": OPENAI}
    one = {"setting": setting, "secret": "s", "key": "k"}
    for said in chart.refusal(settings={"providers": providers}, secretSettings=[one]).values():
        assert words in said


def test_a_setting_has_one_secret(chart: Chart) -> None:
    one = {"setting": "providers.openai.api_key", "secret": "s", "key": "k"}
    settings = {"providers": {"openai": OPENAI}}
    for said in chart.refusal(settings=settings, secretSettings=[one, one]).values():
        assert "secretSettings has providers.openai.api_key twice. Keep one." in said


def test_variables_that_would_undo_the_charts_settings_are_refused(chart: Chart) -> None:
    for name, words in (
        ("AIEX_API__PORT", "the setting api.port is set by the chart"),
        ("AIEX_ADMIN__TOKEN_FILE", "the setting admin.token is a secret"),
        ("AIEX_API__TLS_KEY_FILE", "the setting api.tls_key_file is set by the value"),
        ("TMPDIR", "extraEnv has TMPDIR, which the chart sets itself"),
    ):
        for said in chart.refusal(extraEnv=[{"name": name, "value": "x"}]).values():
            assert words in said
    environment = chart(extraEnv=[{"name": "HTTPS_PROXY", "value": "http://p:1"}]).environment
    assert environment["HTTPS_PROXY"] == "http://p:1"


def test_every_setting_that_the_chart_makes_itself_is_refused_from_others(chart: Chart) -> None:
    """So that a new one of the chart cannot be overridden in silence."""
    tls = {"tls": {"existingSecret": "t"}}
    made = chart(api=tls, admin=tls).settings
    del made["providers"], made["models"]  # the mock, refused by its name
    for said in chart.refusal(settings=made).values():
        for section, values in made.items():
            for setting in values:
                assert f"settings.{section}.{setting} " in said


def test_with_a_certificate_listeners_speak_https(chart: Chart, tmp_path: Path) -> None:
    tls = {"tls": {"existingSecret": "t"}}
    rendering = chart(api=tls, admin=tls)
    settings = loaded(rendering, tmp_path, SECRETS).settings
    for name, listener in (("api", settings.api), ("admin", settings.admin)):
        assert listener.tls_certificate_file == f"/etc/aiex/{name}-tls/tls.crt"
        assert listener.tls_key_file == f"/etc/aiex/{name}-tls/tls.key"
        mounts = {one["name"]: one["mountPath"] for one in rendering.node["volumeMounts"]}
        assert mounts[f"{name}-tls"] == f"/etc/aiex/{name}-tls"


def test_with_a_certificate_commands_in_the_pod_find_the_node_and_check_it(chart: Chart) -> None:
    tls = {"tls": {"existingSecret": "t"}}
    environment = chart(api=tls, admin=tls).environment
    assert environment["AIEX_URL"] == "https://127.0.0.1:8080"
    assert environment["AIEX_ADMIN_URL"] == "https://127.0.0.1:8081"
    assert environment["AIEX_CA_FILE"] == "/etc/aiex/admin-tls/ca.crt"
    assert chart(api=tls).environment["AIEX_CA_FILE"] == "/etc/aiex/api-tls/ca.crt"
    assert not {"AIEX_URL", "AIEX_ADMIN_URL", "AIEX_CA_FILE"} & chart().environment.keys()


def test_without_the_mock_and_with_a_provider_only_that_is_there(
    chart: Chart, tmp_path: Path
) -> None:
    settings = {"providers": {"openai": OPENAI}, "models": {"gpt-5": MODEL}}
    rendering = chart(settings=settings, mockModel={"enabled": False})
    read = loaded(rendering, tmp_path, SECRETS).settings
    assert (list(read.providers), list(read.models)) == (["openai"], ["gpt-5"])
