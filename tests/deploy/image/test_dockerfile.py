"""The Dockerfile keeps to what every builder knows, and says what a cluster needs to hear."""

import json
import re

from deploy.docker.requirements import ROOT
from tests.deploy.image.dockerfile import DOCKERFILE, instructions

# What docker's old builder, BuildKit, buildah and kaniko all do alike.
PLAIN = {
    *("FROM", "ARG", "USER", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "EXPOSE", "STOPSIGNAL"),
    *("ENTRYPOINT", "CMD"),
}


def of(name: str) -> list[str]:
    return [one.argument for one in instructions() if one.name == name]


def test_only_plain_syntax_is_used() -> None:
    assert {one.name for one in instructions()} <= PLAIN
    assert "<<" not in DOCKERFILE.read_text()
    assert not re.search(r"^# *(syntax|escape) *=", DOCKERFILE.read_text(), re.MULTILINE)
    for one in instructions():
        flags = re.findall(r"(?<= )--[a-z]+(?==)", f" {one.argument}") if one.name == "COPY" else []
        assert set(flags) <= {"--from"}, one


def test_no_step_needs_a_shell() -> None:
    for name in ("RUN", "ENTRYPOINT", "CMD"):
        assert of(name)
        for argument in of(name):
            assert all(isinstance(word, str) for word in json.loads(argument))


def test_what_is_shipped_starts_from_nothing() -> None:
    stages = [argument.split(" AS ") for argument in of("FROM")]
    froms = {names[1]: names[0] for names in stages if len(names) == 2}
    assert froms["aiex"] == "scratch"
    assert froms["aiex-local"] == "aiex"
    assert froms["packages"] == "${BASE}"
    assert stages[-1] == ["aiex"]  # what is built without a target


def test_the_user_is_a_number_above_those_of_people() -> None:
    uid, gid = of("USER")[-1].split(":")
    assert int(uid) >= 10001
    assert int(gid) >= 10001


def test_it_is_told_to_stop_by_the_signal_that_drains() -> None:
    assert of("STOPSIGNAL") == ["SIGTERM"]
    assert of("EXPOSE") == ["8080 8081"]


def test_no_argument_carries_a_secret_into_what_is_shipped() -> None:
    """Arguments of a stage stay in its history; those with an index are of stages left behind."""
    stage = ""
    found: dict[str, set[str]] = {}
    for one in instructions():
        if one.name == "FROM":
            stage = one.argument.split()[-1]
        elif one.name == "ARG":
            found.setdefault(stage, set()).add(one.argument.partition("=")[0])
    assert found["aiex"] == {"VERSION", "REVISION", "CREATED"}
    assert "aiex-local" not in found
    assert "PIP_INDEX_URL" in found["packages"] & found["assembled-local"]


def test_the_context_has_what_is_copied_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    first, *patterns = [line for line in lines if line and not line.startswith("#")]
    assert first == "*"
    copied = {
        source.rstrip("/")
        for argument in of("COPY")
        if not argument.startswith("--from")
        for source in argument.split()[:-1]
    }
    assert {one[1:] for one in patterns if one.startswith("!")} == copied
    assert {"**/__pycache__", "**/*.pyc"} <= set(patterns)
