"""The Dockerfile as a list of instructions; enough for a file that keeps to plain syntax."""

import re
from typing import NamedTuple

from deploy.docker.requirements import ROOT

DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"


class Instruction(NamedTuple):
    name: str
    argument: str


def instructions() -> list[Instruction]:
    """Every instruction in order, lines that go on joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line for line in joined.splitlines() if line.strip()]
    return [Instruction(*line.split(maxsplit=1)) for line in lines]
