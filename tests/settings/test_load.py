"""Settings from file, environment and flags: who wins, and how each source is written."""

from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.errors import SettingsError
from aiex.settings import (
    Loaded,
    ProviderSettings,
    Secret,
    Settings,
    default_file,
    load,
)
from aiex.settings.load import FILE_SETTINGS

MOCK = '[providers.mock]\nkind = "mock"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "aiex.toml"


def of_environment(**variables: str) -> Settings:
    return load(None, {f"AIEX_{name}": text for name, text in variables.items()}, {}).settings


def of_flags(**flags: str) -> Settings:
    return load(None, {}, {name.replace("__", "."): text for name, text in flags.items()}).settings


def loaded(file: Path, content: str, environment: dict[str, str] | None = None) -> Loaded:
    file.write_text(content, "utf-8")
    return load(file, environment or {}, {})


def test_without_any_source_everything_has_its_default() -> None:
    assert load(None, {"PATH": "/bin", "aiex_api__port": "1"}, {}) == Loaded(Settings(), {})


def test_the_environment_beats_the_file_and_flags_beat_both(file: Path) -> None:
    file.write_text('[node]\nname = "f"\ndata_dir = "f"\n[engine]\nuser = "f"')
    environment = {"AIEX_NODE__DATA_DIR": "e", "AIEX_ENGINE__USER": "e"}
    result = load(file, environment, {"engine.user": "x"})
    assert result.settings.node.name == "f"
    assert result.settings.node.data_dir == "e"
    assert result.settings.engine.user == "x"
    assert result.sources == {
        "node.name": str(file),
        "node.data_dir": "AIEX_NODE__DATA_DIR",
        "engine.user": "--set engine.user",
    }


PORTS = st.none() | st.integers(0, 65535)


@given(in_file=PORTS, in_environment=PORTS, in_flags=PORTS)
def test_the_last_source_that_says_something_wins(
    tmp_path_factory: pytest.TempPathFactory,
    in_file: int | None,
    in_environment: int | None,
    in_flags: int | None,
) -> None:
    file = tmp_path_factory.getbasetemp() / "ports.toml"
    file.write_text("" if in_file is None else f"api.port = {in_file}")
    environment = {} if in_environment is None else {"AIEX_API__PORT": str(in_environment)}
    flags = {} if in_flags is None else {"api.port": str(in_flags)}
    said = [port for port in (in_flags, in_environment, in_file) if port is not None]
    # The admin listener keeps out of the way of whatever port was drawn.
    settings = load(file, {**environment, "AIEX_ADMIN__HOST": "127.0.0.2"}, flags).settings
    assert settings.api.port == (said[0] if said else Settings().api.port)


# What an operating system passes: no NUL, no lone surrogates.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(TEXTS)
def test_a_text_arrives_as_it_was_written_even_one_that_looks_like_json(text: str) -> None:
    for settings in (of_environment(LOCAL__WEIGHTS=text), of_flags(local__weights=text)):
        assert settings.local.weights == text
        assert type(settings.local.weights) is str


@pytest.mark.parametrize("text", ["[]", "{}", "8080", "null", "true", '["a"]', "0.5"])
def test_a_setting_that_is_a_text_takes_what_elsewhere_is_json_or_a_number(text: str) -> None:
    assert of_environment(LOCAL__WEIGHTS=text).local.weights == text
    assert of_environment(ADMIN__TOKEN=text).admin.token == Secret(text)


def test_numbers_and_truth_are_read_from_texts() -> None:
    settings = of_environment(API__PORT="0", LOG__ACCESS="false", NODE__DRAIN_DEADLINE_S="1.5")
    assert settings.api.port == 0
    assert settings.log.access is False
    assert settings.node.drain_deadline_s == 1.5


def test_a_table_of_texts_from_the_environment_holds_plain_texts() -> None:
    settings = of_environment(PROVIDERS__M__KIND="mock", PROVIDERS__M__HEADERS__ORG="acme")
    headers = settings.providers["m"].headers
    assert headers == {"org": "acme"}
    assert {type(one) for one in (*headers, *headers.values())} == {str}


def test_settings_in_a_section_of_a_provider_come_from_the_environment_too() -> None:
    settings = of_environment(PROVIDERS__M__KIND="mock", PROVIDERS__M__FAULTS__ERROR_RATIO="0.5")
    assert settings.providers["m"].faults.error_ratio == 0.5


def test_lists_and_tables_are_written_as_json() -> None:
    settings = of_environment(
        PROVIDERS='{"My-Mock": {"kind": "mock", "seed": 7}}',
        MODELS__BIG__TARGETS='[{"provider": "My-Mock", "weight": 2}]',
        MODELS__BIG__FALLBACKS='["big"]',
    )
    assert settings.providers["My-Mock"].seed == 7
    assert settings.models["big"].targets[0].weight == 2.0
    assert settings.models["big"].fallbacks == ("big",)


def test_one_key_of_a_table_given_as_json_can_be_changed_by_a_later_source() -> None:
    result = load(
        None,
        {"AIEX_PROVIDERS": '{"m": {"kind": "mock", "seed": 1}}', "AIEX_PROVIDERS__M__SEED": "2"},
        {"providers.m.answer_tokens": "3"},
    )
    assert result.settings.providers["m"].seed == 2
    assert result.settings.providers["m"].answer_tokens == 3


def test_a_table_given_as_json_takes_the_place_of_the_files_with_its_sources(file: Path) -> None:
    other = '{"other": {"kind": "mock", "seed": 2}}'
    result = loaded(file, f"{MOCK}seed = 1", {"AIEX_PROVIDERS": other})
    assert list(result.settings.providers) == ["other"]
    assert result.sources == {"providers": "AIEX_PROVIDERS"}


@pytest.mark.parametrize("name", ["My-Provider", "my-provider", "MY_PROVIDER"])
def test_the_environment_finds_a_name_whatever_its_capitals_and_hyphens(
    file: Path, name: str
) -> None:
    result = loaded(
        file, f'[providers.{name}]\nkind = "mock"', {"AIEX_PROVIDERS__MY_PROVIDER__SEED": "7"}
    )
    assert {one: found.seed for one, found in result.settings.providers.items()} == {name: 7}
    assert result.sources[f"providers.{name}.seed"] == "AIEX_PROVIDERS__MY_PROVIDER__SEED"


@pytest.mark.parametrize("name", ["a-b", "a_b", "A-B"])
def test_of_names_that_look_alike_the_exact_one_is_meant(file: Path, name: str) -> None:
    names = ("a-b", "a_b", "A-B")
    file.write_text("\n".join(f'[providers.{one}]\nkind = "mock"' for one in names))
    providers = load(file, {}, {f"providers.{name}.seed": "7"}).settings.providers
    assert {one: found.seed for one, found in providers.items() if found.seed} == {name: 7}


def test_a_name_with_dots_is_quoted_in_the_file_and_keeps_its_source(file: Path) -> None:
    targets = 'targets = [{ provider = "mock" }]'
    result = loaded(file, f'{MOCK}[models."gpt-4.1"]\n{targets}\n[models.gpt-4]\n{targets}')
    assert list(result.settings.models) == ["gpt-4.1", "gpt-4"]
    assert result.sources["models.gpt-4.1.targets"] == str(file)


def test_a_variable_can_name_a_file_that_holds_the_value(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-é\n", "utf-8")
    result = load(None, {"AIEX_API__KEY_FILE": str(tmp_path / "key")}, {})
    assert result.settings.api.key == Secret("sk-é")
    assert result.sources == {"api.key": "AIEX_API__KEY_FILE"}


def test_a_value_and_a_file_for_the_same_setting_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("one")
    both = {"AIEX_API__KEY_FILE": str(tmp_path / "key"), "AIEX_API__KEY": "two"}
    with pytest.raises(SettingsError) as refused:
        load(None, both, {})
    assert str(refused.value) == "AIEX_API__KEY_FILE: AIEX_API__KEY is set too; set one of them"


def test_the_command_lines_own_variables_are_no_settings() -> None:
    own = ("AIEX_CONFIG", "AIEX_API_KEY", "AIEX_API_KEY_FILE", "AIEX_URL", "AIEX_ADMIN_URL")
    assert load(None, dict.fromkeys(own, "x"), {}).sources == {}


def test_the_tree_is_frozen() -> None:
    settings: Any = of_environment(PROVIDERS__M__KIND="mock")
    for part in (settings, settings.api, settings.providers["m"], settings.providers["m"].faults):
        with pytest.raises(AttributeError):
            setattr(part, part.__struct_fields__[0], None)


def test_the_default_file_is_the_chosen_one_then_the_one_here_then_the_home_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    of_home, of_xdg = home / ".config/aiex/aiex.toml", home / "xdg/aiex/aiex.toml"
    for directory in (here, of_home.parent, of_xdg.parent):
        directory.mkdir(parents=True)
    monkeypatch.chdir(here)
    environment = {"HOME": str(home)}
    assert default_file(environment) is None
    of_home.touch()
    assert default_file(environment) == of_home
    of_xdg.touch()
    assert default_file({**environment, "XDG_CONFIG_HOME": str(home / "xdg")}) == of_xdg
    Path("aiex.toml").touch()
    assert default_file(environment) == Path("aiex.toml")
    assert default_file({**environment, "AIEX_CONFIG": "/no/such"}) == Path("/no/such")


def test_without_a_home_there_is_no_default_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_file({}) is None


def test_a_setting_that_is_a_files_path_is_given_as_that_path() -> None:
    variables = {
        "AIEX_API__TLS_CERTIFICATE_FILE": "c.pem",
        "AIEX_API__TLS_KEY_FILE": "k.pem",
        "AIEX_PROVIDERS": '{"a": {"kind": "mock"}}',
        "AIEX_PROVIDERS__A__CA_FILE": "ca.pem",
        "AIEX_CA_FILE": "of-the-command-line.pem",
    }
    settings = load(None, variables, {}).settings
    assert settings.api.tls_certificate_file == "c.pem"
    assert settings.api.tls_key_file == "k.pem"
    assert settings.providers["a"].ca_file == "ca.pem"


def test_every_setting_that_is_a_files_path_is_known_to_the_environment() -> None:
    shapes = [ProviderSettings, *get_type_hints(Settings).values()]
    names = {name for shape in shapes for name in getattr(shape, "__struct_fields__", ()) if name}
    assert {name for name in names if name.endswith("_file")} == FILE_SETTINGS


def test_what_kubernetes_puts_beside_a_service_of_our_name_is_no_setting() -> None:
    links = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8080",
        "SERVICE_PORT_API": "8080",
        "PORT": "tcp://10.0.0.1:8080",
        "PORT_8080_TCP_ADDR": "10.0.0.1",
    }
    assert of_environment(**links) == Settings()
    with pytest.raises(SettingsError, match="AIEX_PORTS"):
        of_environment(PORTS="1")
