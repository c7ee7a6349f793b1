"""Every page leads somewhere, and every command that it shows exists."""

from pathlib import Path

import pytest

from aiex.cluster import RULES
from aiex.kubernetes.diagnosis import RULES as DOCTOR_RULES
from aiex.telemetry.metrics import METRICS
from tests.docs.pages import (
    ROOT,
    anchors,
    blocks_of,
    commands_of,
    is_told_in_full,
    links_of,
    pages,
    unknown_to_aiex,
)

RUNBOOKS = ROOT / "docs" / "runbooks"
# What each runbook tells, in this order, so that nobody has to look for it at night.
RUNBOOK_TITLES = ["## Look", "## Do", "## Over when"]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target, anchor in links_of(page):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text()), f"{target}#{anchor}"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_commands_of_a_page_exist(page: Path) -> None:
    shown = [one for one in commands_of(page.read_text()) if one[0] == "aiex"]
    for words in filter(is_told_in_full, shown):
        assert not unknown_to_aiex(words), " ".join(words)


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS.glob("[a-z]*.md")), ids=name)
def test_a_runbook_says_how_it_shows_what_to_do_and_when_it_is_over(runbook: Path) -> None:
    text = runbook.read_text()
    assert "**Shows as** " in text
    assert "**Clients**" in text
    assert [line for line in text.splitlines() if line in RUNBOOK_TITLES] == RUNBOOK_TITLES
    assert runbook.name in {target for target, _ in links_of(RUNBOOKS / "README.md")}


def test_what_runbooks_are_found_by_is_what_is_shown() -> None:
    table = (RUNBOOKS / "README.md").read_text()
    shown = {word for word in table.replace("`", " ").split() if "_" in word}
    shown = {word.strip(",;.") for word in shown}
    rules = {one.name for one in (*RULES, *DOCTOR_RULES)}
    from_elsewhere = {"limits_unavailable", "memory_limit", "slow_provider", "failing_provider"}
    assert shown - rules - set(METRICS) == from_elsewhere


def test_a_command_is_found_however_it_is_shown() -> None:
    page = (
        "1. Like `aiex keys list`:\n\n   ```sh\n   kubectl exec deployment/x -- aiex nothing\n"
        "   export A=$(helm history x)\n   aiex store export \\\n     FILE | wc\n   ```\n\n"
        "    aiex chat\n"
    )
    (block,) = blocks_of("page", page)
    assert block.place == "page:3"
    assert [" ".join(one) for one in commands_of(page)] == [
        "kubectl exec deployment/x",
        "aiex nothing",
        "helm history x",
        "aiex store export FILE | wc",
        "aiex chat",
        "aiex keys list",
    ]
    assert unknown_to_aiex(["aiex", "nothing"]) == "nothing"
    assert unknown_to_aiex(["aiex", "keys", "list", "--nothing"]) == "--nothing"
    assert not unknown_to_aiex(["aiex", "keys", "list", "-o", "json"])
    assert not unknown_to_aiex(["aiex", "store", "export", "FILE", "|", "wc", "-l"])
