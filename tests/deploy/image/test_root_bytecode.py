"""Bytecode: every module has its own, known by its source's hash."""

from deploy.docker.root_bytecode import bytecode
from deploy.docker.root_entries import Entry
from tests.deploy.image import roots
from tests.deploy.image.roots import MODULE, SOURCE, file, root

CACHED = "opt/aiex/lib/python3.13/site-packages/aiex/__pycache__/node.cpython-313.pyc"


def said(*planted: Entry) -> list[tuple[str, str]]:
    return [(finding.path, finding.sentence) for finding in bytecode(root(*planted))]


def test_of_a_good_root_nothing_is_said() -> None:
    assert said() == []


def test_a_module_without_bytecode_is_named() -> None:
    (finding,) = said(file("opt/aiex/more.py", b"1\n"))
    assert finding == ("/opt/aiex/more.py", "has no bytecode: every start compiles it")


def test_a_source_that_was_changed_later_is_named() -> None:
    ((path, sentence),) = said(file(MODULE, SOURCE + b"# changed"))
    assert path == f"/{CACHED}"
    assert "not of its source" in sentence


def test_bytecode_that_goes_by_time_is_named() -> None:
    ((path, _),) = said(file(CACHED, roots.bytecode(SOURCE, flags=0)))
    assert path == f"/{CACHED}"


def test_bytecode_cut_short_is_named() -> None:
    assert said(file(CACHED, b"\xf3"))


def test_bytecode_without_a_module_is_named() -> None:
    stray = "opt/__pycache__/gone.cpython-313.pyc"
    ((path, sentence),) = said(file(stray, roots.bytecode(b"")))
    assert (path, sentence) == (f"/{stray}", "is of a module that is not there")


def test_a_template_that_no_python_reads_needs_none() -> None:
    assert said(file("opt/aiex/template.py", b"def {{ name }}(:")) == []
