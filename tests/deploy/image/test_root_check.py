"""The checker: a status, findings in words or as data, sizes beside the goal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.docker import root_check
from deploy.docker.requirements import ROOT
from deploy.docker.root_entries import Kind
from deploy.docker.root_sizes import MB, sizes
from tests.deploy.image.roots import file, link, root


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deploy.docker.root_check", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A good root on disk, but for who owns it."""
    for path, entry in root().items():
        place = tmp_path / "root" / path
        if entry.kind is Kind.DIRECTORY:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(entry.read())
        place.chmod(entry.mode)
    return tmp_path / "root"


def test_findings_are_sentences_and_the_status_is_1(top: Path) -> None:
    (top / "bin").mkdir()
    (top / "bin" / "sh").touch(0o755)
    done = run(str(top))
    assert done.returncode == 1
    assert "shell            /bin/sh is a shell" in done.stdout
    assert "MB  over its base" in done.stdout


def test_findings_are_data_too(top: Path) -> None:
    (top / "secret").mkdir()
    (top / "secret" / "id_rsa").touch()
    told = json.loads(run("-o", "json", str(top)).stdout)
    assert {
        "rule": "secret",
        "path": "/secret/id_rsa",
        "sentence": "is a file that has secrets",
    } in (told["findings"])
    assert told["sizes"]["whole_bytes"] > 0


def test_a_root_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    done = run(str(tmp_path / "none"))
    assert done.returncode == 2
    assert "cannot be read" in done.stderr


def test_nothing_is_found_in_a_good_root() -> None:
    found, measured = root_check.check(root(), 120.0)
    assert found == []
    assert measured.over_base_bytes < measured.whole_bytes


@pytest.mark.parametrize(("maximum_mb", "count"), [(3.0, 0), (1.0, 1), (None, 0)])
def test_too_big_is_a_finding(maximum_mb: float | None, count: int) -> None:
    big = file("opt/aiex/bin/nats-server", bytes(2 * MB))
    found, _ = root_check.check(root(big), maximum_mb)
    assert [finding.rule for finding in found] == ["size"] * count


def test_what_the_base_has_does_not_count_but_its_bytecode_does() -> None:
    library = "usr/lib/python3.13"
    before = sizes(root()).over_base_bytes
    measured = sizes(
        root(
            file(f"{library}/os.py", bytes(1000)),
            file(f"{library}/__pycache__/os.cpython-313.pyc", bytes(500)),
            file("lib/libc.so.6", bytes(300)),
            link("lib/libc.so", "libc.so.6"),
        )
    )
    assert measured.over_base_bytes == before + 500
    assert measured.by_what["Python"] == 1000
    assert measured.by_what["bytecode of the standard library"] == 500
    assert measured.by_what["libraries"] == 300
    assert [*measured.by_what.values()] == sorted(measured.by_what.values(), reverse=True)
