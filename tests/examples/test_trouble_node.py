"""Real nodes with faults in them: the traffic, the command line, and a few draws to be named."""

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from examples.trouble.draws import Draw
from examples.trouble.plan import drawn_plan
from examples.trouble.rounds import played, said_line
from examples.trouble.stage import NodeEnded, staged

TOP = Path(__file__).parents[2]
ANSWERED_MIN = 50
# As a script's `&` starts what it leaves in the background: Ctrl-C is not meant for it.
IN_BACKGROUND = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")


@pytest.mark.integration
async def test_a_healthy_node_answers_its_traffic() -> None:
    async with staged(drawn_plan(1, ())) as stage:
        async with asyncio.timeout(20):
            while _answered(stage.traffic.told()) < ANSWERED_MIN:
                assert stage.node.poll() is None
                await asyncio.sleep(0.05)
        log = (stage.directory / "log").read_text()
        assert _answered(stage.traffic.told()) >= ANSWERED_MIN
        assert "failed" not in stage.traffic.told()
        assert '"error"' not in log
    assert stage.node.poll() == 0
    assert not stage.directory.exists()


@pytest.mark.integration
async def test_a_node_that_cannot_start_is_told_with_its_log() -> None:
    plan = msgspec.structs.replace(drawn_plan(1, ()), settings={"api": {"in_flight_max": 0}})
    with pytest.raises(NodeEnded, match="in_flight_max"):
        async with staged(plan):
            pytest.fail("it started")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("number", "started_by"),
    [(signal.SIGINT, ()), (signal.SIGTERM, ()), (signal.SIGTERM, IN_BACKGROUND)],
)
def test_the_command_tells_the_truth_and_a_signal_ends_its_node_too(
    number: int, started_by: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", "examples.trouble", "--seed", "7", "--kind", "deadlock"]
    with subprocess.Popen(
        [*started_by, *command], cwd=TOP, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        lines: list[str] = []
        for line in running.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        running.send_signal(number)
        running.stdout.read()
        assert running.wait(30) == 0
    text = "".join(lines)
    truths = json.loads(text[: text.index("]\nIts log") + 1])
    assert [one["causes"] for one in truths] == [["deadlock"]]
    assert "aiex analyze --data-dir" in text
    log = re.search(r"Its log: (.*)/log", text)
    assert log is not None
    assert not Path(log[1]).exists()
    assert not _commands_with(log[1])


@pytest.mark.integration
def test_the_list_has_every_kind_with_why_it_matters() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.trouble", "--list"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert len(done.stdout.splitlines()) > 30
    assert re.search(r"^deadlock +deadlock +.*never ends$", done.stdout, re.MULTILINE)


# Those whose evidence does not depend on how busy the machine is.
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sleep", "deadlock", "leak_dict"])
async def test_what_is_planted_is_named(kind: str) -> None:
    one = await played(Draw(77, (kind,)))
    assert one.is_named, [one.error, *map(said_line, (*one.beside, *one.false_alarms))]
    assert one.false_alarms == ()


def _answered(told: str) -> int:
    found = re.search(r"(\d+) answered", told)
    return int(found[1]) if found else 0


def _commands_with(text: str) -> list[str]:
    """Of the processes that live, those whose command has it."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # ended meanwhile
            found.append(file.read_text(errors="replace"))
    return [one for one in found if text in one]
