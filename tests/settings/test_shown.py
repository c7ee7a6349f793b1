"""The settings as people see them: every one, with its source, secrets masked."""

from pathlib import Path

import msgspec
import pytest

from aiex.settings import Settings, load, shown_settings


def rows(
    environment: dict[str, str] | None = None, flags: dict[str, str] | None = None
) -> dict[str, tuple[object, str]]:
    shown = shown_settings(load(None, environment or {}, flags or {}))
    return {row.setting: (row.value, row.source) for row in shown}


def test_defaults_have_no_source() -> None:
    shown = rows()
    assert shown["api.port"] == (8080, "")
    assert shown["api.key"] == (None, "")
    assert shown["models"] == ({}, "")
    assert {source for _, source in shown.values()} == {""}


def test_every_setting_is_shown_in_the_order_of_the_tree() -> None:
    sections = list(dict.fromkeys(setting.partition(".")[0] for setting in rows()))
    assert sections == list(Settings.__struct_fields__)
    for section in ("node", "api", "admin", "engine", "log", "local"):
        shown = [name for name in rows() if name.startswith(f"{section}.")]
        fields = getattr(Settings(), section).__struct_fields__
        assert shown == [f"{section}.{field}" for field in fields]


def test_a_setting_is_shown_with_the_source_that_won(tmp_path: Path) -> None:
    file = tmp_path / "aiex.toml"
    file.write_text("[api]\nport = 1\nin_flight_max = 2")
    loaded = load(file, {"AIEX_API__PORT": "3"}, {})
    shown = {row.setting: (row.value, row.source) for row in shown_settings(loaded)}
    assert shown["api.port"] == (3, "AIEX_API__PORT")
    assert shown["api.in_flight_max"] == (2, str(file))
    assert shown["api.host"] == ("127.0.0.1", "")


def test_what_came_in_a_table_has_the_tables_source() -> None:
    shown = rows(
        {"AIEX_PROVIDERS": '{"m": {"kind": "mock", "headers": {"org": "acme"}}}'},
        {"models.gpt.targets": '[{"provider": "m", "weight": 2}]'},
    )
    assert shown["providers.m.kind"] == ("mock", "AIEX_PROVIDERS")
    assert shown["providers.m.headers.org"] == ("acme", "AIEX_PROVIDERS")
    assert shown["models.gpt.targets.0.weight"] == (2.0, "--set models.gpt.targets")
    assert shown["models.gpt.fallbacks"] == ((), "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nats://host:4222", "nats://host:4222"),
        ("nats://me:s3cret@host:4222", "nats://***@host:4222"),
        ("me:s3cret@host", "***@host"),
        ("nats://s3cret@host", "nats://***@host"),
        ("nats://me:p@ss@host/", "nats://***@host/"),
    ],
)
def test_credentials_in_an_address_are_masked(url: str, shown: str) -> None:
    assert rows({"AIEX_ENGINE__URL": url})["engine.url"] == (shown, "AIEX_ENGINE__URL")


def test_rows_can_be_encoded() -> None:
    shown = shown_settings(load(None, {"AIEX_API__KEY": "zqSECRET"}, {}))
    decoded = msgspec.json.decode(msgspec.json.encode(shown))
    row = {"setting": "api.key", "value": "***", "source": "AIEX_API__KEY"}
    assert row in decoded
