"""`scripts/image`: what is typed to a builder, and what is said when it cannot be."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.docker.image import build_command, labels
from deploy.docker.requirements import ROOT

NO_PROGRAMS = {"PATH": "/nowhere"}


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ROOT / ".venv" / "bin" / "python", "-m", "deploy.docker.image", *arguments],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("builder", "verb"), [("docker", ["docker", "build"]), ("buildah", ["buildah", "bud"])]
)
def test_both_builders_are_told_the_same(builder: str, verb: list[str]) -> None:
    argv = build_command(builder, "python:3.14", "aiex-local", "mine", {"VERSION": "1.0"}, {})
    assert argv[:2] == verb
    assert argv[-7:] == [
        "-f", "deploy/docker/Dockerfile", "--target", "aiex-local", "-t", "mine", ".",
    ]  # fmt: skip
    assert {"--build-arg=BASE=python:3.14", "--build-arg=VERSION=1.0"} <= set(argv)
    assert not [one for one in argv if "PIP" in one]


def test_where_packages_are_is_passed_by_name_so_that_no_list_of_processes_shows_it() -> None:
    secret = {"PIP_INDEX_URL": "https://me:password@packages.example/simple"}
    argv = build_command("docker", "base", "aiex", "aiex", {}, secret)
    assert "--build-arg=PIP_INDEX_URL" in argv
    assert "password" not in " ".join(argv)


def test_the_image_says_of_which_commit_it_is() -> None:
    found = labels()
    assert set(found) == {"VERSION", "REVISION", "CREATED"}
    assert found["VERSION"].count(".") == 2
    assert found["CREATED"].endswith("Z")


def test_without_a_builder_it_says_what_to_install() -> None:
    done = run("build", **NO_PROGRAMS)
    assert done.returncode == 1
    assert "apt-get install buildah" in done.stderr


def test_a_machine_that_nothing_is_built_for_is_wrong_usage() -> None:
    done = run("wheels", "--platform", "linux/s390x")
    assert done.returncode == 2
    assert "linux/amd64 and linux/arm64" in done.stderr


def test_with_docker_the_root_is_exported_and_checked(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    told = tmp_path / "told"
    docker.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >>{told}\n'
        'case "$1" in\n'
        "create) echo made ;;\n"
        'export) tar -C /etc/ssl -cf "$3" certs ;;\n'
        "esac\n"
    )
    docker.chmod(0o755)
    done = run("build", "--base", "b", "-o", "json", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1  # what it exports is no root of ours
    assert '"rule": "data"' in done.stdout
    lines = told.read_text().splitlines()
    assert lines[1].startswith("build --build-arg=BASE=b ")
    assert lines[2:4] == ["create aiex", f"export -o {lines[3].split()[2]} made"]
    assert lines[4] == "rm made"
