"""Asks a node what is wrong with it, as an operator would: by the command line."""

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec

from examples.trouble.judge import Said

SPARE_S = 60.0


class Refused(Exception):
    """The command failed; its message says why."""


class Analysis(msgspec.Struct, frozen=True):
    findings: tuple[Said, ...]
    missing: tuple[str, ...] = ()  # what could not be looked at


class _Answer(msgspec.Struct, frozen=True):
    answer: Analysis


class _Document(msgspec.Struct, frozen=True):
    answers: tuple[_Answer, ...]


async def ask_what_is_wrong(data_dir: Path, seconds: float) -> Analysis:
    """What `aiex analyze` found within so long; raises `Refused`."""
    command = [sys.executable, "-m", "aiex", "analyze", f"--seconds={seconds:g}", "--output=json"]
    try:
        done = await asyncio.to_thread(
            subprocess.run,
            [*command, f"--data-dir={data_dir}"],
            capture_output=True,
            timeout=seconds + SPARE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"aiex analyze did not end within {seconds + SPARE_S:g} s") from None
    try:
        document = msgspec.json.decode(done.stdout, type=_Document)
    except msgspec.DecodeError:
        raise Refused(done.stderr.decode(errors="replace").strip() or "no answer") from None
    if not document.answers:
        raise Refused(done.stderr.decode(errors="replace").strip() or "the node did not answer")
    return document.answers[0].answer
