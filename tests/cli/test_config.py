"""`aiex config`: every problem at once, every value with its source, no secret shown."""

import json
from pathlib import Path

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

SECRETS = {"AIEX_API__KEY": "sk-secret", "AIEX_ADMIN__TOKEN": "token-secret"}


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A settings file with two problems."""
    file = tmp_path / "wrong.toml"
    file.write_text('[api]\nprt = 1\n[log]\nlevel = "loud"\n')
    return file


def test_right_settings_are_said_to_be_right(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "config", "check")
    assert (said.exit_code, said.stdout) == (0, "The settings are right (no file).\n")


def test_the_file_that_was_checked_is_named(tmp_path: Path) -> None:
    (tmp_path / "aiex.toml").write_text("[api]\nport = 1\n")
    assert "(aiex.toml)" in run_aiex(tmp_path, "config", "check").stdout


def test_every_problem_is_told_at_once_and_ends_with_1(tmp_path: Path, wrong: Path) -> None:
    said = run_aiex(
        tmp_path, "config", "check", "-c", str(wrong), "--set=api.port=-1", AIEX_NODE__NAM="typo"
    )
    assert said.exit_code == 1
    assert said.stdout == ""
    for problem in ("did you mean 'port'?", "log.level", "api.port", "AIEX_NODE__NAM"):
        assert problem in said.stderr
    assert said.stderr.endswith("4 problems.\n")


def test_problems_are_json_for_programs(tmp_path: Path, wrong: Path) -> None:
    said = run_aiex(tmp_path, "config", "check", "-o", "json", "-c", str(wrong))
    assert said.exit_code == 1
    verdict = json.loads(said.stdout)
    assert (verdict["is_valid"], verdict["file"]) == (False, str(wrong))
    assert len(verdict["problems"]) == 2
    right = run_aiex(tmp_path, "config", "check", "-o", "json")
    assert json.loads(right.stdout) == {"is_valid": True, "file": None, "problems": []}


def test_a_missing_file_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "config", "check", "--config=/no/such.toml")
    assert said.exit_code == 1
    assert "/no/such.toml" in said.stderr
    assert said.stderr.endswith("1 problem.\n")


def test_what_was_set_is_shown_with_its_source_later_ones_winning(tmp_path: Path) -> None:
    (tmp_path / "aiex.toml").write_text('[api]\nport = 1\nhost = "127.0.0.2"\n[admin]\nport = 2\n')
    said = run_aiex(
        tmp_path, "config", "show", "--admin-port=4", AIEX_API__PORT="3", AIEX_ADMIN__PORT="5"
    )
    assert [line.split() for line in said.stdout.splitlines()] == [
        ["SETTING", "VALUE", "SOURCE"],
        ["api.host", "127.0.0.2", "aiex.toml"],
        ["api.port", "3", "AIEX_API__PORT"],
        ["admin.port", "4", "--set", "admin.port"],
    ]


def test_defaults_are_shown_when_asked_for(tmp_path: Path) -> None:
    assert "--all shows it" in run_aiex(tmp_path, "config", "show").stdout
    lines = run_aiex(tmp_path, "config", "show", "--all").stdout.splitlines()
    assert ["api.port", "8080", "default"] in [line.split() for line in lines]


def test_for_programs_every_setting_is_shown_with_its_own_type(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "config", "show", "-o", "json", "--port=3")
    rows = {row["setting"]: row for row in json.loads(said.stdout)}
    assert rows["api.port"] == {"setting": "api.port", "value": 3, "source": "--set api.port"}
    assert rows["log.access"] == {"setting": "log.access", "value": True, "source": ""}


@pytest.mark.parametrize("output", ["text", "json"])
def test_secrets_are_masked(output: str, tmp_path: Path) -> None:
    provider = '{"p": {"kind": "openai", "base_url": "http://h/v1", "api_key": "key-secret"}}'
    said = run_aiex(
        tmp_path, "config", "show", "-o", output, AIEX_PROVIDERS=provider, **SECRETS
    ).output
    assert said.count("***") >= 3
    assert "-secret" not in said  # those here all end so; `cluster.secret` is a name


@pytest.mark.parametrize("command", [["check"], ["check", "-o", "json"], ["show"]])
def test_a_problem_beside_a_secret_does_not_show_it(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "aiex.toml").write_text("[admin]\ntoken = 123456789\n")
    said = run_aiex(tmp_path, "config", *command)
    assert said.exit_code == 1
    assert "admin.token" in said.output
    assert "123456789" not in said.output


def test_settings_that_are_wrong_are_not_shown(tmp_path: Path, wrong: Path) -> None:
    said = run_aiex(tmp_path, "config", "show", "-c", str(wrong))
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.startswith("Error: api.prt")


def test_what_a_running_node_has_instead_of_a_setting_is_shown_with_its_key(tmp_path: Path) -> None:
    overridden = [
        {"setting": "log.level", "value": "debug", "key": "log_level"},
        {"setting": "models.gone.targets.0.weight", "value": 2, "key": "target_weights"},
    ]
    found = http_answer(json.dumps({"overridden": overridden}).encode())
    with ScriptedServer(found, found) as server:
        said = run_aiex(tmp_path, "config", "show", "--live", AIEX_ADMIN_URL=server.url)
        as_json = run_aiex(
            tmp_path, "config", "show", "--live", "-o", "json", AIEX_ADMIN_URL=server.url
        )
    assert said.stdout.splitlines() == [
        "SETTING     VALUE   SOURCE",
        "log.level   debug   hot value log_level",
    ]
    rows = {row["setting"]: row for row in json.loads(as_json.stdout)}
    assert (rows["log.level"]["value"], rows["log.access"]["source"]) == ("debug", "")
    assert server.asked[0].path == "/admin/v1/hot"


def test_without_a_node_there_is_nothing_live_to_show(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "config", "show", "--live")
    assert said.exit_code == 1
    assert "No node runs here" in said.stderr
