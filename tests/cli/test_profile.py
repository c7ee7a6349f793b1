"""`aiex profile`: what it asks of nodes, what it writes, and what it says when it cannot."""

import gzip
import json
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result

from aiex.performance import Profile
from aiex.performance.formats import FORMATS, read_profile
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import Request, ScriptedServer, http_answer
from aiex.testing.profiles import hostile_profile, small_profile


def answers(*profiles: Profile, failures: tuple[Any, ...] = ()) -> bytes:
    told = [
        {"node": f"n{number}", "answer": msgspec.to_builtins(one)}
        for number, one in enumerate(profiles, 1)
    ]
    return json.dumps({"answers": told, "failures": failures}).encode()


def said(
    home: Path, *arguments: str, came: bytes = answers(small_profile(10_000))
) -> tuple[Result, Request]:
    with ScriptedServer(http_answer(came)) as server:
        told = run_aiex(home, "profile", *arguments, "--admin-url", server.url)
    return told, server.asked[0]


def saved(path: Path, profile: Profile) -> str:
    path.write_bytes(FORMATS["json"].write(profile))
    return str(path)


def test_without_a_file_the_functions_that_took_most_are_told(tmp_path: Path) -> None:
    told, asked = said(tmp_path, "cpu")
    assert told.exit_code == 0
    assert [" ".join(line.split()) for line in told.stdout.splitlines()] == [
        "CPU of n1, n2: 1.00 s in 10 s, 10.0% of a CPU; 10 samples, 4 stacks.",
        "",
        "SELF TOTAL FUNCTION",
        "500.0 ms 50.0% 700.0 ms 70.0% pkg.mod:work",
        "300.0 ms 30.0% 1.00 s 100.0% pkg.mod:main",
        "200.0 ms 20.0% 200.0 ms 20.0% pkg.mod:leaf",
        "",
        "by node: n1 50.0%, n2 50.0%",
        "by service: http.api 50.0%, telemetry 50.0%",
    ]
    assert "aiex profile cpu -o profile.html" in told.stderr
    assert asked.path.startswith("/admin/v1/performance/cpu_profile?nodes=&deadline_s=30")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("cpu",), {"seconds": 10.0, "ago_s": 0.0, "ahead": True}),
        (("cpu", "--seconds", "1m"), {"seconds": 60.0, "ago_s": 0.0, "ahead": True}),
        (("cpu", "--last", "10m"), {"seconds": 600.0, "ago_s": 0.0, "ahead": False}),
        (("cpu", "--last", "5m", "--ago", "1h"), {"seconds": 300.0, "ago_s": 3600.0}),
        (("cpu", "--seconds", "30", "--ago", "20m"), {"seconds": 30.0, "ago_s": 1200.0}),
        (("wall", "--seconds", "2.5s"), {"seconds": 2.5}),
        (("memory", "--frames", "8"), {"seconds": 5.0, "frames": 8}),
    ],
)
def test_what_nodes_are_asked_is_what_was_typed(
    tmp_path: Path, arguments: tuple[str, ...], wanted: dict[str, Any]
) -> None:
    told, asked = said(tmp_path, *arguments)
    assert told.exit_code == 0, told.output
    assert asked.path.startswith(f"/admin/v1/performance/{arguments[0]}_profile?")
    assert {name: json.loads(asked.body)[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    "name", ["x.html", "x.speedscope.json", "x.collapsed", "x.pb.gz", "x.json"]
)
def test_the_files_name_says_what_is_written_for_its_owner_only(tmp_path: Path, name: str) -> None:
    profile = small_profile()
    told, _ = said(tmp_path, "cpu", "-o", name, came=answers(profile))
    assert (told.exit_code, told.stdout) == (0, "")
    path = tmp_path / name
    form = FORMATS[name.removeprefix("x.").split(".")[0].replace("pb", "pprof")]
    assert path.read_bytes() == form.write(profile)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert f"{name}: {path.stat().st_size:,} bytes" in told.stderr


@pytest.mark.parametrize("output", ["json", "collapsed", "speedscope", "html", "pprof"])
def test_a_formats_name_prints_it(tmp_path: Path, output: str) -> None:
    profile = small_profile()
    told, _ = said(tmp_path, "cpu", "-o", output, came=answers(profile))
    assert told.exit_code == 0
    assert told.stdout_bytes.removesuffix(b"\n") == FORMATS[output].write(profile).removesuffix(
        b"\n"
    )


def test_format_says_it_where_the_name_does_not(tmp_path: Path) -> None:
    told, _ = said(tmp_path, "cpu", "-o", "profile.txt", "--format", "pprof")
    assert told.exit_code == 0
    assert gzip.decompress((tmp_path / "profile.txt").read_bytes())


def test_several_nodes_are_one_profile_and_who_is_silent_is_told(tmp_path: Path) -> None:
    failure = {"node": "n3", "reason": "deadline", "text": "no answer within 30 s"}
    plain = msgspec.structs.replace(
        small_profile(), labels=tuple(type(one)() for one in small_profile().labels)
    )
    told, asked = said(
        tmp_path,
        *("cpu", "--on", "all", "-o", "all.json"),
        came=answers(plain, plain, failures=(failure,)),
    )
    assert told.exit_code == 1
    assert "nodes=all" in asked.path
    assert "n3 did not answer: no answer within 30 s" in told.stderr
    profile = read_profile((tmp_path / "all.json").read_bytes(), "all.json")
    assert profile.weight == 200
    assert {one.node for one in profile.labels} == {"n1", "n2"}


def test_when_nobody_answers_nothing_is_written(tmp_path: Path) -> None:
    told, _ = said(tmp_path, "cpu", "--on", "all", "-o", "x.html", came=answers())
    assert told.exit_code == 1
    assert "No node answered" in told.stderr
    assert not (tmp_path / "x.html").exists()


def test_only_the_samples_asked_for_are_shown(tmp_path: Path) -> None:
    told, _ = said(tmp_path, "cpu", "--service", "http", "-o", "x.json")
    assert told.exit_code == 0
    assert read_profile((tmp_path / "x.json").read_bytes(), "x").weight == 500_000


def test_a_label_that_no_sample_has_is_answered_with_those_there_are(tmp_path: Path) -> None:
    told, _ = said(tmp_path, "cpu", "--service", "htp", "-o", "x.json")
    assert told.exit_code == 1
    assert "there is no service 'htp'; seen were http.api, telemetry" in told.stderr
    assert not (tmp_path / "x.json").exists()
    told, _ = said(tmp_path, "cpu", "--route", "/v1/chat/completions")
    assert "No sample is of what was asked for: none says its route." in told.stderr


def test_a_profile_of_nothing_says_so(tmp_path: Path) -> None:
    nothing = msgspec.structs.replace(small_profile(), samples=(), labels=())
    told, _ = said(tmp_path, "cpu", came=answers(nothing))
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        "CPU: 0 us in 10 s, 0.0% of a CPU; 0 samples, 0 stacks.",
        "",
        "Nothing was seen to use the CPU: look for longer, or back with --last 10m.",
    ]
    assert "As a flame graph" not in told.stderr


def test_the_hint_asks_the_same_once_more(tmp_path: Path) -> None:
    told, _ = said(tmp_path, "cpu", "--seconds", "1m", "--service", "http.api", "--on", "all")
    assert told.stderr == (
        "\nAs a flame graph: aiex profile cpu --seconds 60s --service http.api --on all "
        "-o profile.html\n"
    )
    told, _ = said(tmp_path, "cpu", "--last", "10m", "--ago", "5m")
    assert "aiex profile cpu --last 600s --ago 300s -o profile.html" in told.stderr


def test_a_place_where_nothing_can_be_written_is_told_before_anything_is_looked_at(
    tmp_path: Path,
) -> None:
    told = run_aiex(tmp_path, "profile", "cpu", "-o", "/proc/1/cpu.html", "--admin-url", "http://x")
    assert told.exit_code == 2
    assert "Nothing can be written in '/proc/1'." in told.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("cpu", "-o", "x.txt"), "The end of 'x.txt' says no format"),
        (("cpu", "-o", "nowhere/x.html"), "There is no directory 'nowhere'"),
        (("cpu", "-o", "-"), "-o - needs --format"),
        (("cpu", "-o", "."), "'.' is a directory; name a file in it"),
        (("cpu", "--last", "2h"), "is not more than 0 and 1 h at most"),
        (("cpu", "--last", "soon"), "is no span of time"),
        (("cpu", "--last", "5m", "--seconds", "5"), "choose one"),
        (("wall", "--last", "10m"), "Only what the CPU did is kept for an hour"),
        (("memory", "--ago", "10m"), "Only what the CPU did is kept for an hour"),
        (("memory", "--seconds", "5m"), "is not more than 0 and 30 s at most"),
    ],
)
def test_wrong_usage_is_said_before_any_node_is_asked(
    tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    told = run_aiex(tmp_path, "profile", *arguments, "--admin-url", "http://127.0.0.1:1")
    assert told.exit_code == 2
    assert why in told.stderr


def test_names_of_functions_reach_the_terminal_as_text(tmp_path: Path) -> None:
    told, _ = said(tmp_path, "cpu", came=answers(hostile_profile()))
    assert told.exit_code == 0
    assert "\x00" not in told.stdout
    assert "pkg.mod:main" in told.stdout


def test_two_files_are_compared_with_signs(tmp_path: Path) -> None:
    before = saved(tmp_path / "a.json", small_profile(1000, seconds=5))
    after = saved(tmp_path / "b.json", small_profile(3000))
    told = run_aiex(tmp_path, "profile", "diff", before, after)
    assert told.exit_code == 0
    assert "compared by seconds" in told.stdout
    assert "in all +100.0 ms, +50.0%." in told.stdout
    row = next(line for line in told.stdout.splitlines() if line.endswith("pkg.mod:work"))
    assert row.split("   ")[0] == "+50.0 ms"
    by_share = run_aiex(tmp_path, "profile", "diff", before, after, "--by", "share")
    assert "Nothing changed." in by_share.stdout


@pytest.mark.parametrize(
    "name", ["x.html", "x.speedscope.json", "x.collapsed", "x.pb.gz", "x.json"]
)
def test_a_difference_can_be_written_in_every_form(tmp_path: Path, name: str) -> None:
    before = saved(tmp_path / "a.json", small_profile())
    after = saved(tmp_path / "b.json", small_profile(2))
    told = run_aiex(tmp_path, "profile", "diff", before, after, "-o", name)
    assert told.exit_code == 0, told.output
    assert (tmp_path / name).stat().st_size > 50


def test_a_difference_that_was_written_is_not_said_to_be_a_profile(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.json", small_profile())
    told = run_aiex(tmp_path, "profile", "diff", file, file, "-o", "d.json")
    assert "what changed of each function, for programs." in told.stderr
    back = run_aiex(tmp_path, "profile", "convert", "d.json")
    assert back.exit_code == 1
    assert "d.json cannot be read: it says what changed between two; give the files" in back.stderr


def test_profiles_of_two_kinds_are_not_compared(tmp_path: Path) -> None:
    before = saved(tmp_path / "a.json", small_profile())
    after = saved(tmp_path / "b.json", msgspec.structs.replace(small_profile(), kind="wall"))
    told = run_aiex(tmp_path, "profile", "diff", before, after)
    assert told.exit_code == 1
    assert "only two of one kind can be compared" in told.stderr


def test_a_profile_in_a_file_is_shown_and_written_in_another_form(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.json", small_profile(10_000))
    assert "pkg.mod:work" in run_aiex(tmp_path, "profile", "convert", file).stdout
    there = run_aiex(tmp_path, "profile", "convert", file, "-o", "a.speedscope.json")
    back = run_aiex(tmp_path, "profile", "convert", "a.speedscope.json", "-o", "again.json")
    assert (there.exit_code, back.exit_code) == (0, 0)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "a.json").read_bytes()


def test_a_file_that_is_no_profile_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(FORMATS["html"].write(small_profile()))
    told = run_aiex(tmp_path, "profile", "convert", "page.html")
    assert told.exit_code == 1
    assert "Profiles are read from .json and .speedscope.json files." in told.stderr
    gone = run_aiex(tmp_path, "profile", "convert", "gone.json")
    assert "gone.json cannot be read: No such file or directory." in gone.stderr
