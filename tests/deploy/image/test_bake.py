"""docker-bake.hcl: both images for both machines, of the Dockerfile that is there."""

import re
from typing import Any

import hcl2

from deploy.docker.requirements import ROOT
from tests.deploy.image.dockerfile import DOCKERFILE, instructions

BAKE = ROOT / "deploy" / "docker" / "docker-bake.hcl"


def blocks(kind: str) -> dict[str, dict[str, Any]]:
    """The blocks of a kind by their names; strings keep their quotation marks, names do not."""
    read = hcl2.loads(BAKE.read_text())[kind]
    return {name.strip('"'): block for one in read for name, block in one.items()}


def words(value: list[str]) -> list[str]:
    return [one.strip('"') for one in value]


def resolved(name: str) -> dict[str, Any]:
    """A target with what it inherits; arguments are put together one by one."""
    target = blocks("target")[name]
    inherited: dict[str, Any] = {"args": {}}
    for parent in words(target.get("inherits", [])):
        inherited |= resolved(parent)
    return inherited | target | {"args": inherited["args"] | target.get("args", {})}


def test_both_images_are_built_for_both_machines() -> None:
    assert words(blocks("group")["default"]["targets"]) == ["aiex", "aiex-local"]
    for name in ("aiex", "aiex-local"):
        target = resolved(name)
        assert words(target["platforms"]) == ["linux/amd64", "linux/arm64"]
        assert target["target"].strip('"') == name
        assert words(target["tags"]) == [f"${{REGISTRY}}{name}:${{VERSION}}"]


def test_it_names_stages_and_arguments_of_the_dockerfile() -> None:
    found = instructions()
    stages = {one.argument.split()[-1] for one in found if one.name == "FROM"}
    arguments = {one.argument.partition("=")[0] for one in found if one.name == "ARG"}
    for name in ("aiex", "aiex-local"):
        target = resolved(name)
        assert name in stages
        assert set(target["args"]) == {"BASE", "VERSION", "REVISION", "CREATED"}
        assert set(target["args"]) <= arguments
        assert ROOT / target["dockerfile"].strip('"') == DOCKERFILE


def test_every_variable_is_declared_with_the_default_of_the_dockerfile() -> None:
    declared = {name: one["default"].strip('"') for name, one in blocks("variable").items()}
    used = set(re.findall(r"\$\{(\w+)\}", BAKE.read_text()))
    for name in ("aiex", "aiex-local"):
        used |= set(resolved(name)["args"].values())
    assert used == set(declared)
    defaults = dict(
        one.argument.split("=", 1)
        for one in instructions()
        if one.name == "ARG" and "=" in one.argument
    )
    assert {name: declared[name] for name in defaults} == defaults
