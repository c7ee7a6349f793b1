"""Libraries: what loaders say, glibc's and musl's, and what they are asked."""

import sys
from pathlib import Path

from deploy.docker import libraries

GLIBC = """\
\tlinux-vdso.so.1 (0x00007ffd)
\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f1)
\tlibgomp.so.1 => not found
\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)
"""
MUSL = """\
\t/lib/ld-musl-x86_64.so.1 (0x7f1)
\tlibz.so.1 => /usr/lib/libz.so.1 (0x7f2)
Error loading shared library libgomp.so.1: No such file or directory (needed by x.so)
Error relocating x.so: PyList_New: symbol not found
"""


def test_glibc_is_understood() -> None:
    needs = libraries.parsed(GLIBC)
    places = ("/lib/x86_64-linux-gnu/libz.so.1", "/lib64/ld-linux-x86-64.so.2")
    assert needs.paths == tuple(map(Path, places))
    assert needs.missing == ("libgomp.so.1",)


def test_musl_is_understood() -> None:
    needs = libraries.parsed(MUSL)
    assert needs.paths == (Path("/lib/ld-musl-x86_64.so.1"), Path("/usr/lib/libz.so.1"))
    assert needs.missing == ("libgomp.so.1",)


def test_a_static_program_needs_nothing() -> None:
    assert libraries.parsed("\tstatically linked\n") == libraries.Needs((), ())


def test_the_loader_of_this_python_tells_its_libraries() -> None:
    python = Path(sys.executable).resolve()
    loader = libraries.loader_of(python)
    assert loader is not None
    needs = libraries.needs(loader, python)
    assert not needs.missing
    assert all(path.exists() for path in needs.paths)
    assert any(path.name.startswith("libc.") for path in needs.paths)


def test_a_text_needs_nothing(tmp_path: Path) -> None:
    text = tmp_path / "text.py"
    text.write_text("1")
    assert libraries.needs(Path("/no/loader"), text) == libraries.Needs((), ())


def test_what_libc_opens_is_looked_for_beside_it(tmp_path: Path) -> None:
    (tmp_path / "libgcc_s.so.1").touch()
    (tmp_path / "libother.so.1").touch()
    assert libraries.opened_by(tmp_path / "libc.so.6") == [tmp_path / "libgcc_s.so.1"]


def test_a_glibc_that_stops_at_the_first_missing_one_is_understood() -> None:
    said = "/x.so: error while loading shared libraries: libgomp.so.1: cannot open shared object"
    assert libraries.parsed(said) == libraries.Needs((), ("libgomp.so.1",))


def test_what_is_missing_does_not_hide_what_is_there(tmp_path: Path) -> None:
    python = Path(sys.executable).resolve()
    loader = libraries.loader_of(python)
    assert loader is not None
    there = libraries.needs(loader, python)
    content = python.read_bytes()
    named = [path.name for path in there.paths if path.name.encode() + b"\0" in content]
    gone = next(name for name in named if not name.startswith("libc."))
    broken = tmp_path / "python"
    broken.write_bytes(content.replace(gone.encode() + b"\0", b"X" + gone[1:].encode() + b"\0"))
    needs = libraries.needs(loader, broken)
    assert needs.missing == (f"X{gone[1:]}",)
    assert any(path.name.startswith("libc.") for path in needs.paths)
