"""`aiex memory`: what is shown, and how it ends."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result

from aiex.cli.memory_text import growth_lines, leak_lines, size_text, state_lines
from aiex.performance import (
    Allocators,
    Footprint,
    GrowthReport,
    HeldContainer,
    HolderList,
    Leak,
    Limit,
    MemoryState,
    Trimmed,
    TypeCensus,
    TypeRow,
)
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

MIB = 1 << 20
CARTS = TypeRow("shop.cart:Cart", 1234, 5 * MIB)
LEAK = Leak(
    "container",
    "dict of shop.cart:Cart",
    "attribute rows of shop.cart:Shop",
    "shop.cart:Shop.open (shop/cart.py:12)",
    rate_bytes_s=2048.0,
    rate_objects_s=3.5,
    span_s=600.0,
    confidence=0.83,
    limit_in_s=7200.0,
    advice="Give it a bound.",
    command="aiex memory --holders",
)
WELL = MemoryState(
    0.0,
    Footprint(60 * MIB, 40 * MIB, 0, 12, 43, 25 * MIB),
    Allocators(230_000, 11 * MIB, 2 * MIB, is_malloc_known=True),
    Limit("cgroup v2", 200 * MIB, 70 * MIB),
    watched_s=90.0,
)
LEAKING = msgspec.structs.replace(WELL, leaks=(LEAK,))


def asked(tmp_path: Path, answers: dict[str, Any], *arguments: str) -> tuple[Result, str]:
    """What the command says to these answers, and the path it asked."""
    document = {
        "answers": [
            {"node": node, "answer": msgspec.to_builtins(answer)}
            for node, answer in answers.items()
        ],
        "failures": [],
    }
    with ScriptedServer(http_answer(json.dumps(document).encode())) as server:
        result = run_aiex(
            tmp_path,
            "memory",
            *arguments,
            AIEX_ADMIN_URL=server.url,
        )
        return result, server.asked[0].path


def test_a_node_that_is_well_is_shown_with_what_it_has(tmp_path: Path) -> None:
    result, request = asked(tmp_path, {"n1": WELL})
    assert result.exit_code == 0, result.output
    assert request.startswith("/admin/v1/performance/memory?")
    resident = "60.0 MiB, 40.0 MiB of it this process's alone; 25.0 MiB are programs and libraries"
    assert resident in result.output
    assert "the rest   24.0 MiB: 230,000 small objects of Python's and the room" in result.output
    assert "200.0 MiB (cgroup v2), 70.0 MiB used under it" in result.output
    assert "none suspected" in result.output


def test_a_leak_is_a_finding(tmp_path: Path) -> None:
    result, _ = asked(tmp_path, {"n1": LEAKING})
    assert result.exit_code == 1
    assert "held by     attribute rows of shop.cart:Shop" in result.output
    assert "Next: aiex memory --holders" in result.output


def test_several_nodes_say_their_names(tmp_path: Path) -> None:
    result, request = asked(tmp_path, {"n1": WELL, "n2": WELL}, "--on", "all")
    assert "nodes=all" in request
    assert result.output.startswith("n1:\n")
    assert "\nn2:\n" in result.output


@pytest.mark.parametrize(
    ("arguments", "answer", "path", "shown"),
    [
        (
            ("--types",),
            TypeCensus(
                (TypeRow("shop.cart:Cart", 1234, 5 * MIB),), 1, 1234, 99, 5 * MIB, 0.1, 0.001
            ),
            "memory_types",
            "shop.cart:Cart   1,234   5.0 MiB",
        ),
        (
            ("--holders",),
            HolderList(
                (HeldContainer("dict", "attribute rows of shop.cart:Shop", 5000, 4096, MIB),),
                100_000,
                False,
                1.0,
                0.002,
            ),
            "memory_holders",
            "attribute rows of shop.cart:Shop",
        ),
        (
            ("trim",),
            Trimmed(True, 90 * MIB, 30 * MIB, 60 * MIB, 0, 0.01, "60.0 MiB were given back."),
            "memory_trim",
            "60.0 MiB were given back.",
        ),
        (("--growth", "5"), GrowthReport(5.0, (), 9, 0.001), "memory_growth", "Nothing only grew"),
    ],
)
def test_each_question_goes_to_its_request(
    tmp_path: Path, arguments: tuple[str, ...], answer: Any, path: str, shown: str
) -> None:
    result, request = asked(tmp_path, {"n1": answer}, *arguments)
    assert result.exit_code == 0, result.output
    assert request.startswith(f"/admin/v1/performance/{path}?")
    assert shown in result.output


def test_programs_get_the_document(tmp_path: Path) -> None:
    result, _ = asked(tmp_path, {"n1": LEAKING}, "-o", "json")
    document = json.loads(result.output)
    assert document["answers"][0]["answer"]["leaks"][0]["type"] == "dict of shop.cart:Cart"
    assert result.exit_code == 1


def test_a_leak_is_told_with_all_that_is_known() -> None:
    assert list(leak_lines(LEAK)) == [
        "container: dict of shop.cart:Cart",
        "  held by     attribute rows of shop.cart:Shop",
        "  made in     shop.cart:Shop.open (shop/cart.py:12)",
        "  grows by    2.0 KiB/s, 3.5 objects/s, seen for 10 min 0 s",
        "  limit in    2 h 0 min",
        "  confidence  0.83",
        "  Give it a bound.",
        "  Next: aiex memory --holders",
    ]
    assert "  held by" not in "".join(leak_lines(Leak("native", "rss")))
    assert next(growth_lines(GrowthReport(5.0, (LEAK,), 9, 0.0))).startswith("What only grew")


def test_what_is_not_known_is_said() -> None:
    bare = MemoryState(0.0, Footprint(0), Allocators(5), Limit("none", assumed_bytes=MIB))
    text = "\n".join(state_lines(msgspec.structs.replace(bare, notes=("There is no /proc.",))))
    assert "none; a leak that would come to 1.0 MiB is warned of" in text
    assert "not known here" in text
    assert "the rest   5 small objects of Python's and the room kept for such\n" in text
    assert text.endswith("There is no /proc.")


def test_sizes_are_short() -> None:
    assert [size_text(one) for one in (812, 4300, 97_600_000, 5e9)] == [
        "812 B",
        "4.2 KiB",
        "93.1 MiB",
        "4.7 GiB",
    ]


def test_two_questions_at_once_are_wrong_usage(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "memory", "--types", "--holders", "--admin-url", "http://x")
    assert said.exit_code == 2
    assert "three questions: ask one" in said.stderr
