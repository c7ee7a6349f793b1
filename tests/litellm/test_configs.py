"""Configurations as LiteLLM's documentation shows them, with the settings and report they make.

`configs/` holds each as `NAME.yaml`, with `NAME.toml` and `NAME.report` as expected.
"""

import tomllib
from pathlib import Path

import pytest

from aiex.litellm import Conversion, converted, load_yaml, toml_text
from aiex.settings import load

CONFIGS = sorted((Path(__file__).parent / "configs").glob("*.yaml"))
ENVIRONMENT = {"AZURE_API_BASE": "https://acme-us.openai.azure.com"}
# Everything that is a secret in these files.
SECRETS = (
    "sk-1234",
    "hunter2-secret",
    "s3cret",
    "token=abc",
    "t0ken",
    "sk-literal",
    "very-secret",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI",
    "pgsecret",
    "eyJ0eXAi",
)

each = pytest.mark.parametrize("config", CONFIGS, ids=[file.stem for file in CONFIGS])


def conversion_of(config: Path) -> Conversion:
    return converted(load_yaml(config.read_bytes()), ENVIRONMENT)


def report_of(conversion: Conversion) -> str:
    secrets = [f"{one.setting} < {one.variable or 'the file'}" for one in conversion.secrets]
    losses = [f"{one.path}: {one.reason}" for one in conversion.losses]
    return "\n".join([*secrets, "", *losses]) + "\n"


@each
def test_a_configuration_makes_the_settings_beside_it(config: Path) -> None:
    assert toml_text(conversion_of(config), config.name) == config.with_suffix(".toml").read_text()


@each
def test_what_does_not_map_is_told_with_its_path_and_the_secrets_to_give(config: Path) -> None:
    assert report_of(conversion_of(config)) == config.with_suffix(".report").read_text()


@each
def test_the_settings_made_are_right(config: Path) -> None:
    toml = config.with_suffix(".toml")
    loaded = load(toml, {}, {}).settings
    assert list(loaded.models) == list(tomllib.loads(toml.read_text()).get("models", {}))


@each
def test_no_secret_of_the_file_is_in_what_is_made(config: Path) -> None:
    conversion = conversion_of(config)
    made = toml_text(conversion, config.name) + report_of(conversion)
    assert [secret for secret in SECRETS if secret in made] == []


def test_each_secret_is_in_some_configuration() -> None:
    everything = "".join(config.read_text() for config in CONFIGS)
    assert [secret for secret in SECRETS if secret not in everything] == []


@each
def test_a_secret_given_as_the_comments_say_is_taken(config: Path) -> None:
    conversion = conversion_of(config)
    given = {one.aiex_variable: "given" for one in conversion.secrets}
    settings = load(config.with_suffix(".toml"), given, {}).settings
    for one in conversion.secrets:
        section, *name, _ = one.setting.split(".")
        secret = settings.providers[name[0]].api_key if section == "providers" else settings.api.key
        assert secret is not None
        assert secret.reveal() == "given"
