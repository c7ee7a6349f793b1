"""The root: files keep their places and links, and what another root has is left out."""

from pathlib import Path

import pytest

from deploy.docker.root import LEFT_OUT, Root, leave_out


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base in which /lib leads to usr/lib, as on most systems."""
    base = tmp_path / "base"
    (base / "usr" / "lib").mkdir(parents=True)
    (base / "lib").symlink_to("usr/lib")
    (base / "usr" / "lib" / "libz.so.1.3").write_text("library")
    (base / "usr" / "lib" / "libz.so.1").symlink_to("libz.so.1.3")
    return base


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "root").mkdir()
    return Root(tmp_path / "root")


def test_a_file_keeps_its_place_and_every_link_to_it(base: Path, root: Root) -> None:
    real = root.bring(base / "lib" / "libz.so.1")
    assert real == base / "usr" / "lib" / "libz.so.1.3"
    copied = root.inside(base)
    assert (copied / "lib").readlink() == Path("usr/lib")
    assert (copied / "usr" / "lib" / "libz.so.1").readlink() == Path("libz.so.1.3")
    assert (copied / "lib" / "libz.so.1").read_text() == "library"


def test_a_link_that_leads_up_and_one_from_the_top_are_followed(base: Path, root: Root) -> None:
    (base / "bin").mkdir()
    (base / "bin" / "up").symlink_to("../usr/lib/libz.so.1")
    (base / "bin" / "top").symlink_to(base / "bin" / "up")
    assert root.bring(base / "bin" / "top") == base / "usr" / "lib" / "libz.so.1.3"
    assert root.inside(base / "bin" / "top").is_symlink()
    assert root.inside(base / "usr" / "lib" / "libz.so.1.3").read_text() == "library"


def test_programs_stay_programs_and_lose_special_rights(base: Path, root: Root) -> None:
    program = base / "su"
    program.write_text("program")
    program.chmod(0o4777)
    root.bring(program)
    root.bring(base / "lib" / "libz.so.1")
    assert root.inside(program).stat().st_mode & 0o7777 == 0o755
    assert root.inside(base / "usr" / "lib" / "libz.so.1.3").stat().st_mode & 0o7777 == 0o644


def test_of_a_tree_what_nobody_runs_is_left_out(base: Path, root: Root) -> None:
    library = base / "usr" / "lib" / "python3.13"
    for name in ("os.py", "test/x.py", "idlelib/x.py", "config-3.13/libpython.a", "asyncio/x.py"):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).touch()
    (library / "dangling.py").symlink_to("nowhere")
    root.bring_tree(library, LEFT_OUT)
    copied = root.inside(library)
    assert sorted(path.name for path in copied.iterdir()) == ["asyncio", "os.py"]


def test_of_packages_everything_comes_tests_included(base: Path, root: Root) -> None:
    package = base / "site-packages" / "package"
    (package / "test").mkdir(parents=True)
    (package / "test" / "data.py").touch()
    root.bring_tree(base / "site-packages", frozenset({"__pycache__"}))
    assert (root.inside(package) / "test" / "data.py").exists()


def test_what_another_root_has_is_left_out(tmp_path: Path, root: Root) -> None:
    other = tmp_path / "other"
    for top in (root.top, other):
        (top / "same").mkdir(parents=True)
        (top / "same" / "file").write_text("same")
        (top / "link").symlink_to("same")
        (top / "changed").write_text(str(top))
    (root.top / "more").mkdir()
    (root.top / "more" / "file").write_text("more")
    leave_out(root, other)
    left = sorted(str(path.relative_to(root.top)) for path in root.top.rglob("*"))
    assert left == ["changed", "more", "more/file"]
