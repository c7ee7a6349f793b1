"""Hot values in words: what is in force, where it comes from, who has a change, what to do next."""

from aiex.cli.answers.hot import (
    Canary,
    CanarySide,
    HotList,
    HotValue,
    HotVersion,
    Said,
    Spread,
    Trial,
)
from aiex.cli.hot_text import (
    canary_end_lines,
    canary_line,
    history_lines,
    list_lines,
    source_text,
    spread_lines,
    value_lines,
    value_text,
)

AT = "2026-11-25T19:40:11.123+00:00"
SET = HotValue(
    "log_level", "debug", "hot", 7, "admin", AT, "set", "info", "log.level", "Least severe."
)


def test_a_value_is_written_as_one_would_type_it() -> None:
    assert [value_text(one) for one in ("debug", 30.0, True, {"a": 1})] == [
        "debug",
        "30.0",
        "true",
        '{"a":1}',
    ]
    assert value_text("x" * 70) == "x" * 59 + "…"


def test_where_a_value_comes_from() -> None:
    assert source_text(HotValue("x", setting="log.level")) == "setting log.level"
    assert source_text(SET) == "revision 7, set by admin 2026-11-25 19:40:11"
    reset = HotValue("x", "info", "settings", 8, "admin", AT, "reset", setting="log.level")
    assert source_text(reset).startswith("setting log.level; revision 8, reset by admin")
    refused = HotValue("x", 1, "refused", 8, "admin", AT, "set", refusal="x: expected 1.")
    assert source_text(refused).startswith("REFUSED here: x: expected 1.; revision 8")
    tried = HotValue("x", 1, "hot", 8, "admin", AT, "canary", trial=Trial(2, ("n2",), 9.0))
    assert source_text(tried).endswith("; 2 is tried on n2 until it is settled")
    kept = HotValue("x", 1, "hot", 8, "admin", AT, "kept", trial=Trial(2, ("n2",)))
    assert source_text(kept).endswith("; 2 is tried on n2 without an end")


def test_the_list_says_what_is_not_used_here_and_that_the_engine_is_away() -> None:
    lines = list_lines(HotList("n1", 7, False, (SET,), unknown=("colour",)))
    assert lines[0].split() == ["KEY", "VALUE", "FROM"]
    assert lines[1].startswith("log_level   debug   revision 7")
    assert "kept for other releases, and not used here: colour" in lines
    assert "the engine is away: these are the last values that n1 heard" in lines
    assert len(list_lines(HotList("n1", 7, True, (SET,)))) == 2


def test_one_value_has_its_default_and_its_meaning() -> None:
    assert value_lines(SET) == [
        "key       log_level",
        "value     debug",
        "from      revision 7, set by admin 2026-11-25 19:40:11",
        "default   info",
        "meaning   Least severe.",
    ]


def test_who_has_a_change_and_who_does_not() -> None:
    assert spread_lines(Spread("x", 7, ("n1",)), "x is set") == [
        "x is set (revision 7); 1 node has it (n1)."
    ]
    refused = spread_lines(Spread("x", 7, ("n1", "n2"), (Said("n3", "too new"),)), "x is set")
    assert refused[:2] == [
        "x is set (revision 7); 2 nodes have it (n1, n2).",
        "refused by n3: too new",
    ]
    assert refused[2].endswith("or undo it: aiex hot history x")
    behind = spread_lines(Spread("x", 7, (), (), (Said("n3", "n3 is down"),)), "x is set")
    assert behind == [
        "x is set (revision 7); 0 nodes have it.",
        "not yet at n3: n3 is down",
        "They get it as soon as they hear of it; aiex cluster explain says why not.",
    ]


def test_history_says_what_each_change_was() -> None:
    lines = history_lines(
        (
            HotVersion(9, "", "", ""),
            HotVersion(8, "rolled back", "admin", AT, True, "debug", 5),
            HotVersion(7, "canary", "admin", AT, False, None, 0, Trial("x", ("n2",), 9.0)),
        )
    )
    assert [line.split("   ")[0] for line in lines] == ["REVISION", "9", "8", "7"]
    assert "not readable here" in lines[1]
    assert lines[2].endswith("admin   rolled back (from 5)   debug")
    assert lines[3].endswith("default; x is tried on n2 until it is settled")


CANARY = Canary(
    "x", 7, ("n2",), 60.0, 12.4, CanarySide(100, 2, 0.02, 31.5), CanarySide(300, 3, 0.01, 30.0)
)


def test_how_a_canary_goes_is_one_line() -> None:
    assert canary_line(CANARY) == (
        "12 s left; canary 100 requests, 2.00% errors, p99 31.5 ms; "
        "others 300 requests, 1.00% errors, p99 30.0 ms; "
    )


def test_the_end_of_a_canary_says_what_to_do_next() -> None:
    def end(outcome: str) -> str:
        ended = Canary("x", 7, ("n2",), verdict="worse", reasons=("r",), outcome=outcome)
        first, last = canary_end_lines(ended)
        assert first == "Verdict: worse (r)."
        return last

    assert end("promoted") == "It is in force on all nodes now."
    assert end("reverted").startswith("It is undone")
    assert "aiex hot canary x --promote; undo it: aiex hot canary x --revert" in end("kept")
    assert end("overtaken").startswith("It was not carried out")
