"""`aiex store export` and `import`: from one cluster into another, by the real admin API."""

import asyncio
import gzip
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.settings import Settings
from aiex.store import Table
from aiex.testing.asgi_server import AsgiServer
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer
from aiex.testing.node_parts import MemoryNode

TOKEN = "the token"


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


NOTES = Table("notes", row=Note, key=("book", "page"), sensitive=("text",))
SPREAD = Table("notes", row=Note, key=("book", "page"), sensitive=("text",), fragments=4)


class Site:
    """A node in memory, and its admin API on loopback."""

    def __init__(self, directory: Path, table: Table[Note]) -> None:
        directory.mkdir()
        self.directory = directory
        self.table = table
        self.node = MemoryNode(directory, Settings(), tables=[table])
        self.server = AsgiServer(self.node.admin(TOKEN).app())

    def put(self, *rows: Note) -> None:
        async def put_all() -> None:
            for row in rows:
                await self.node.store.rows(self.table).put(row)

        asyncio.run(put_all())

    def texts(self) -> dict[str, str]:
        found = self.node.store.rows(self.table).all_now(())
        return {f"{one.row.book} {one.row.page}": one.row.text for one in found}

    def aiex(self, *arguments: str) -> Any:
        return run_aiex(
            self.directory,
            *arguments,
            "--admin-url",
            self.server.url,
            AIEX_ADMIN__TOKEN=TOKEN,
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "here", NOTES)
    with site.server:
        yield site


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Site]:
    """Another cluster, whose table has more fragments."""
    other = Site(tmp_path / "there", SPREAD)
    with other.server:
        yield other


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.gz"


ROWS = [Note("diary", page, f"on page {page}") for page in range(2_500)]


def exported(site: Site, file: Path, *options: str) -> Any:
    told = site.aiex("store", "export", str(file), *options)
    assert told.exit_code == 0, told.output
    return told


def test_what_one_cluster_saves_another_one_restores(site: Site, other: Site, file: Path) -> None:
    site.put(*ROWS)
    told = exported(site, file)
    assert told.stdout.splitlines()[-1].startswith(f"{file}: 2,500 rows, ")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    restored = other.aiex("store", "import", str(file))
    assert restored.exit_code == 0, restored.output
    assert "2,500 written" in restored.stdout
    assert other.texts() == site.texts()


def test_for_programs_both_tell_all_as_json(site: Site, other: Site, file: Path) -> None:
    site.put(*ROWS[:3])
    told = json.loads(exported(site, file, "-o", "json").stdout)
    assert told["rows"] == 3
    assert told["fragments"][0]["table"] == "notes"
    restored = json.loads(other.aiex("store", "import", str(file), "-o", "json").stdout)
    assert restored["tables"][0]["written"] == 3
    assert restored["is_dry_run"] is False


def test_a_dry_run_writes_nothing(site: Site, other: Site, file: Path) -> None:
    site.put(*ROWS[:3])
    exported(site, file)
    told = other.aiex("store", "import", str(file), "--dry-run")
    assert told.exit_code == 0
    assert "Nothing was written" in told.stdout
    assert not other.texts()
    assert not [path for method, path in other.server.asked if method == "POST"]


def test_a_table_with_rows_is_not_restored_into_unless_one_says_how(site: Site, file: Path) -> None:
    site.put(Note("diary", 1, "saved"), Note("diary", 2, "saved"))
    exported(site, file)
    site.put(Note("diary", 1, "changed"), Note("diary", 3, "new"))
    told = site.aiex("store", "import", str(file))
    assert told.exit_code == 1
    assert "has rows. Add --merge" in told.stderr
    assert site.texts()["diary 1"] == "changed"

    merged = site.aiex("store", "import", str(file), "--merge")
    assert "2 there already" in merged.stdout
    assert site.texts()["diary 1"] == "changed"

    asked = site.aiex("store", "import", str(file), "--replace")
    assert asked.exit_code == 1
    assert "Add --yes" in asked.stderr

    replaced = site.aiex("store", "import", str(file), "--replace", "--yes")
    assert "1 deleted, as they are not in it" in replaced.stdout
    assert site.texts() == {"diary 1": "saved", "diary 2": "saved"}


def test_a_restore_that_is_begun_again_comes_to_the_same(
    site: Site, other: Site, file: Path
) -> None:
    site.put(*ROWS[:10])
    exported(site, file)
    other.put(*ROWS[:4])  # as far as the first one came
    told = other.aiex("store", "import", str(file), "--merge")
    assert "6 written (4 there already)" in told.stdout
    assert other.texts() == site.texts()


@pytest.mark.parametrize("cut", [0, 10, 40, -9, -1])
def test_a_file_that_is_cut_off_restores_nothing(
    site: Site, other: Site, file: Path, cut: int
) -> None:
    site.put(*ROWS[:100])
    exported(site, file)
    file.write_bytes(file.read_bytes()[:cut])
    told = other.aiex("store", "import", str(file))
    assert told.exit_code == 1
    assert "cut off" in told.stderr
    assert not other.texts()


def test_a_backup_that_did_not_come_whole_leaves_no_file(tmp_path: Path, file: Path) -> None:
    half = gzip.compress(b'{"is":"backup","format":1,"cluster":"","release":"","began_at_s":1.0,')
    with ScriptedServer(http_answer(half)) as server:
        told = run_aiex(tmp_path, "store", "export", str(file), "--admin-url", server.url)
    assert told.exit_code == 1
    assert "cut off after 0 rows" in told.stderr
    assert not list(tmp_path.glob("*backup*"))


def test_an_old_backup_stays_when_the_new_one_fails(tmp_path: Path, file: Path) -> None:
    file.write_bytes(b"the old one")
    with ScriptedServer(http_answer(b"rubbish")) as server:
        told = run_aiex(tmp_path, "store", "export", str(file), "--admin-url", server.url)
    assert told.exit_code == 1
    assert file.read_bytes() == b"the old one"


def test_a_backup_may_have_some_tables_only(site: Site, file: Path) -> None:
    told = site.aiex("store", "export", str(file), "--table", "novels")
    assert told.exit_code == 1
    assert "There is no table of that name here; there are notes" in told.stderr
    exported(site, file, "--table", "notes")
    asked = site.aiex("store", "import", str(file), "--table", "novels")
    assert "The backup has no table novels; it has notes" in asked.stderr


def test_hot_values_go_with_the_whole_and_not_with_one_table(
    site: Site, other: Site, file: Path
) -> None:
    asyncio.run(site.node.hot_bucket.put("drain_s", b"30"))
    assert "hot values" in exported(site, file).stdout
    assert "hot values" not in exported(site, file, "--table", "notes").stdout
    exported(site, file)
    assert "hot values" in other.aiex("store", "import", str(file)).stdout
    entry = asyncio.run(other.node.hot_bucket.get("drain_s"))
    assert entry is not None
    assert entry.value == b"30"


def test_rows_of_a_newer_version_are_refused_and_named(
    site: Site, other: Site, file: Path, tmp_path: Path
) -> None:
    newer = Table("notes", row=Note, key=("book", "page"), version=7)
    ahead = Site(tmp_path / "ahead", newer)
    with ahead.server:
        ahead.put(Note("diary", 1))
        exported(ahead, file)
    told = other.aiex("store", "import", str(file))
    assert told.exit_code == 1
    assert "1 refused" in told.stdout
    assert "it is of version 7, and this release knows 1" in told.stdout


def test_a_time_before_all_that_is_kept_is_refused_by_the_names_of_the_rows(
    site: Site, other: Site, file: Path
) -> None:
    site.put(Note("diary", 1))
    exported(site, file)
    long_ago = "2000-01-01T00:00Z"
    told = other.aiex("store", "import", str(file), "--at", long_ago)
    assert told.exit_code == 1
    assert 'notes ["diary", 1]' in told.stderr.replace("'", '"')
    assert "--allow-gaps" in told.stderr
    allowed = other.aiex("store", "import", str(file), "--at", long_ago, "--allow-gaps")
    assert "(1 not as far back)" in allowed.stdout
    assert not other.texts()


def test_a_backup_of_a_time_has_the_rows_of_then(site: Site, other: Site, file: Path) -> None:
    site.put(Note("diary", 1, "there"))
    told = exported(site, file, "--at", "0s")
    assert ": 1 rows" in told.stdout
    other.aiex("store", "import", str(file))
    assert other.texts() == {"diary 1": "there"}


def test_a_time_after_the_backup_was_made_is_refused(site: Site, other: Site, file: Path) -> None:
    site.put(Note("diary", 1))
    exported(site, file)
    told = other.aiex("store", "import", str(file), "--at", "0s")
    assert told.exit_code == 1
    assert "and nothing of later. Choose an earlier time" in told.stderr
    assert not other.texts()


def test_two_ways_to_restore_at_once_are_wrong_usage(other: Site, file: Path) -> None:
    file.write_bytes(b"")
    told = other.aiex("store", "import", str(file), "--merge", "--replace", "--yes")
    assert told.exit_code == 2
    assert "Choose one of --empty-only, --merge and --replace." in told.stderr
