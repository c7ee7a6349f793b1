"""`aiex import litellm`, as typed."""

from pathlib import Path

from click.testing import CliRunner, Result

from aiex.cli.main import root
from aiex.settings import load

CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: sk-literal, tags: [a]}
general_settings: {master_key: os.environ/MASTER}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root, ["import", "litellm", *arguments])


def config(directory: Path, text: str = CONFIG) -> str:
    file = directory / "config.yaml"
    file.write_text(text)
    return str(file)


def test_the_file_is_written_and_the_report_told_beside_it(tmp_path: Path) -> None:
    output = tmp_path / "aiex.toml"
    result = run(config(tmp_path), "-o", str(output))
    assert result.exit_code == 0
    assert list(load(output, {}, {}).settings.models) == ["gpt-4o"]
    assert result.stdout == ""
    assert 'AIEX_API__KEY="$MASTER"' in result.stderr
    assert "model_list[0].litellm_params.tags: " in result.stderr
    assert f"aiex config check --config {output}" in result.stderr
    assert "sk-literal" not in output.read_text() + result.stderr


def test_without_an_output_the_settings_alone_go_to_standard_output(tmp_path: Path) -> None:
    result = run(config(tmp_path))
    assert result.stdout.startswith("# Made by")
    assert "1 model, 1 provider." in result.stderr


def test_a_file_that_is_there_is_not_written_over_unless_said(tmp_path: Path) -> None:
    output = tmp_path / "aiex.toml"
    output.write_text("mine")
    refused = run(config(tmp_path), "-o", str(output))
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert output.read_text() == "mine"
    assert run(config(tmp_path), "-o", str(output), "--force").exit_code == 0
    assert output.read_text() != "mine"


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    missing = run(str(tmp_path / "none.yaml"))
    assert missing.exit_code == 1
    assert "cannot be read" in missing.stderr
    broken = run(config(tmp_path, "a: ["))
    assert broken.exit_code == 1
    assert "not valid YAML at line 1" in broken.stderr
    nowhere = run(config(tmp_path), "-o", str(tmp_path / "no" / "aiex.toml"))
    assert nowhere.exit_code == 1
    assert "cannot be written" in nowhere.stderr
