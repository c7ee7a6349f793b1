"""What the guides about Kubernetes show is right: values, manifests, commands of other programs.

Links and commands of aiex are looked at with those of all pages, in `tests/docs`.
"""

import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.chart.objects import Objects
from scripts.chart.policy.pod_security import POD_SECURITY
from scripts.chart.renderings import parsed
from scripts.chart.schemas import VERSIONS, Definitions
from scripts.chart.tools import TOOLS, Release, template
from tests.deploy.acceptance.guides import blocks, guides
from tests.docs.pages import Block, commands_of, is_told_in_full

pytestmark = pytest.mark.usefixtures("kubernetes_tools")

RELEASE = Release("aiex", "aiex")
VALUES = [block for block in blocks() if block.is_values]
MANIFESTS = [block for block in blocks() if block.is_manifest]


@cache
def definitions(version: str) -> Definitions:
    return Definitions.load(version)


def place(block: Block) -> str:
    return block.place


def test_the_guides_have_snippets_of_both_kinds_and_no_other() -> None:
    assert len(VALUES) >= 10
    assert MANIFESTS
    unknown = {block.place for block in blocks() if block.language not in ("yaml", "sh", "")}
    assert not unknown


@pytest.mark.parametrize("block", VALUES, ids=place)
def test_values_of_a_guide_are_taken_by_the_chart(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(block.text)
    objects = parsed(template("helm", RELEASE, [file]))
    assert not [fault for one in objects for fault in definitions("1.36").faults(one)]


@pytest.mark.parametrize("block", MANIFESTS, ids=place)
@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_of_a_guide_are_valid_and_restricted(block: Block, version: str) -> None:
    objects = parsed(block.text)
    assert not [fault for one in objects for fault in definitions(version).faults(one)]
    assert not list(POD_SECURITY.findings(Objects(objects)))


@pytest.mark.parametrize("guide", guides(), ids=lambda guide: guide.name)
def test_commands_of_a_guide_exist(guide: Path) -> None:
    for words in commands_of(guide.read_text()):
        if words[0] != "aiex" and is_told_in_full(words):
            assert not unknown_options(words), " ".join(words)


def test_the_backup_job_forgets_what_is_older_than_two_weeks(tmp_path: Path) -> None:
    objects = [one for block in MANIFESTS for one in parsed(block.text)]
    (job,) = [one for one in objects if one["kind"] == "CronJob"]
    pod: dict[str, Any] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (old,) = pod["initContainers"]
    for name, days in (("new.gz", 13), ("old.gz", 15), ("old.txt", 15)):
        (tmp_path / name).touch()
        at_s = time.time() - days * 86400
        os.utime(tmp_path / name, (at_s, at_s))
    script = old["command"][2].replace("/backups", str(tmp_path))
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["new.gz", "old.txt"]


def test_a_value_that_the_chart_does_not_know_would_be_noticed(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({"drain": {"deadlineSecond": 1}}))
    with pytest.raises(Exception, match="deadlineSecond"):
        template("helm", RELEASE, [file])


def test_an_option_that_helm_does_not_know_would_be_noticed() -> None:
    assert unknown_options(["helm", "rollback", "x", "--nothing"]) == ["--nothing"]


def unknown_options(words: list[str]) -> list[str]:
    """Options that the program does not know for this command."""
    program, *rest = words
    told = program_help(program, *_without_options(rest)[:2])
    options = [word.partition("=")[0] for word in rest if word.startswith("--")]
    return [one for one in options if f"{one} " not in told and f"{one}=" not in told]


@cache
def program_help(program: str, *verb: str) -> str:
    """What a program says of a verb, and the options that all of its verbs have."""
    path = str(TOOLS / "bin" / program)
    of_all = [path, "options"] if program == "kubectl" else [path, "--help"]
    texts = []
    for command in ([path, *verb, "--help"], of_all):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        texts.append(done.stdout)
        assert "unknown command" not in done.stderr
    return " ".join(texts)


def _without_options(words: list[str]) -> list[str]:
    """The words that are neither an option nor the value of `--namespace`."""
    found, is_value = [], False
    for word in words:
        if not word.startswith("-") and not is_value:
            found.append(word)
        is_value = word in ("--namespace", "-n")
    return found
