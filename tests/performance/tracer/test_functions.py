"""From a name to code: every kind of function, nothing imported, and what there is instead."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.performance.tracer.functions import Found, TargetUnknown, find
from tests.performance.tracer import specimens

HOME = specimens.__name__


MODULES = {HOME: specimens}


def found(path: str) -> list[Found]:
    return find(f"{HOME}:{path}", MODULES)


@pytest.mark.parametrize(
    ("path", "name", "note"),
    [
        ("plain", "plain", ""),
        ("Child.method", "Child.method", ""),
        ("Child.inherited", "Parent.inherited", "inherited from Parent"),
        ("Child.made", "Child.made", ""),
        ("Child.fixed", "Child.fixed", ""),
        ("Child.once", "Child.once", "runs once"),
        ("Child.decorated", "Child.decorated", "decorated"),
        ("twice", "twice", "decorated"),
        ("cached", "cached", "decorated"),
        ("managed", "managed", "decorated"),
        ("with_one", "plain", ""),
        ("bound", "Child.method", ""),
        ("child.method", "Child.method", ""),
        ("child", "Child.__call__", "an object that is called"),
        ("short", "<lambda>", ""),
        ("outer.<locals>.inner", "outer.<locals>.inner", ""),
        ("outer.<locals>.<lambda>", "outer.<locals>.<lambda>", ""),
        ("outer.<locals>.Local.deep", "outer.<locals>.Local.deep", ""),
        ("noisy.<locals>.wrapper", "noisy.<locals>.wrapper", ""),
        ("bare", "unnamed.<locals>.wrapper", "made by unnamed: calls of all that it made"),
    ],
)
def test_every_kind_of_function_is_found(path: str, name: str, note: str) -> None:
    (one,) = found(path)
    assert one.name == f"{HOME}:{name}"
    assert one.code.co_qualname == name
    assert note in one.note
    assert bool(one.note) is bool(note)


def test_a_property_is_all_its_functions() -> None:
    assert [one.note for one in found("Child.size")] == ["getter", "setter"]


def test_a_star_is_what_the_class_or_module_has_itself() -> None:
    names = {one.name.partition(":")[2] for one in found("Child.*")}
    assert names == {"Child.method", "Child.made", "Child.fixed", "Child.size", "Child.once"} | {
        "Child.decorated"
    }
    assert {one.name for one in found("*")} >= {f"{HOME}:plain", f"{HOME}:boom"}
    assert not any("wraps" in one.name or "lru" in one.name for one in found("*"))
    assert [one.name for one in found("Child.__c*")] == [f"{HOME}:Child.__call__"]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (f"{HOME}:plian", "no 'plian' in .*specimens. Did you mean 'plain'?"),
        (f"{HOME}:Child.methud", "no 'methud' in .*:Child. Did you mean 'method'?"),
        (f"{HOME}:Child", "is a class; name one of its methods .*or 'Child.*'"),
        (f"{HOME}:Child.limit", "of type int; only functions written in Python .* that calls it"),
        (f"{HOME}:asyncio", "is a module; name one of its functions: 'asyncio:…'"),
        (f"{HOME}:outer.inner", f"Did you mean '{HOME}:outer.<locals>.inner'?"),
        (f"{HOME}:inner", f"Did you mean '{HOME}:outer.<locals>.inner'?"),
        (f"{HOME}:outer.<locals>.iner", "no function 'iner' in .*outer. Did you mean 'inner'?"),
        (f"{HOME}:none_*", "No function of .* is like 'none_\\*'"),
        (f"{HOME}:plain.x.*", "neither a module nor a class"),
        (f"{HOME[:-1]}:plain", f"not imported .* Did you mean {HOME}?"),
        ("elsewhere.specimens:plain", f"not imported .* Did you mean {HOME}?"),
        (f"{HOME}.plain", f"Did you mean '{HOME}:plain'?"),
        ("plain", "with a colon behind the module, not 'plain'"),
        (":", "with a colon behind the module"),
        (":plain", "with a colon behind the module, not ':plain'"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(target: str, told: str) -> None:
    with pytest.raises(TargetUnknown, match=told.replace("?", r"\?")):
        find(target, MODULES)


@given(
    st.text(max_size=30)
    | st.lists(
        st.sampled_from([HOME, ":", ".", "Child", "size", "*", "<locals>", "outer", "__x__", "?"]),
        max_size=8,
    ).map("".join)
)
def test_whatever_is_asked_for_is_found_or_refused(target: str) -> None:
    try:
        assert find(target, MODULES)
    except TargetUnknown as refused:
        told = str(refused.args[0])
    else:
        return
    assert told.endswith((".", "?"))


def test_nothing_is_imported_and_no_attribute_is_asked_for() -> None:
    lazy = ModuleType("lazy")

    def asked(name: str) -> object:
        raise AssertionError(f"the module was asked for {name}")

    lazy.__getattr__ = asked  # type: ignore[method-assign]
    with pytest.raises(TargetUnknown, match="no 'thing'"):
        find("lazy:thing", {"lazy": lazy})
    assert "wsgiref.headers" not in sys.modules
    with pytest.raises(TargetUnknown, match="tracing imports nothing"):
        find("wsgiref.headers:Headers.get_all", sys.modules)
    assert "wsgiref.headers" not in sys.modules


def test_a_module_that_was_loaded_again_has_its_new_functions(tmp_path: Path) -> None:
    file = tmp_path / "again.py"
    file.write_text("def f(): return 1\n")
    spec = importlib.util.spec_from_file_location("again", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (before,) = find("again:f", {"again": module})
    spec.loader.exec_module(module)
    (after,) = find("again:f", {"again": module})
    assert after.code is module.f.__code__
    assert after.code is not before.code
