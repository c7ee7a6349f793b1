"""What hot values are read from: plain attributes that nobody but the owner can set."""

import pytest

from aiex.fastglobal.namespace import namespace


def test_values_are_read_as_attributes_and_set_by_their_setters_only() -> None:
    ns, setters = namespace("Values", {"limit": 3, "level": "info"})
    setters["limit"](4)
    assert (ns.limit, ns.level) == (4, "info")
    with pytest.raises(AttributeError, match=r"Values\.limit is a hot value: change it with `put`"):
        ns.limit = 5
    with pytest.raises(AttributeError, match="hot value"):
        del ns.limit
    with pytest.raises(AttributeError):
        ns.another = 1
    assert (ns.limit, repr(ns)) == (4, "Values(limit=4, level='info')")


def test_two_of_one_name_share_nothing() -> None:
    one, set_one = namespace("Values", {"limit": 1})
    other, _ = namespace("Values", {"limit": 1})
    set_one["limit"](2)
    assert (one.limit, other.limit) == (2, 1)


def test_its_class_is_final() -> None:
    ns, _ = namespace("Values", {"limit": 1})
    with pytest.raises(TypeError, match="Values is final"):
        type("Sub", (type(ns),), {})


def test_the_interpreter_reads_an_attribute_where_it_is_without_asking_the_class() -> None:
    """What a literal costs is possible only while nothing stands between reader and value."""
    ns, _ = namespace("Values", {"limit": 1})
    made = type(ns)
    assert not {"__getattribute__", "__getattr__", "__get__"} & set(vars(made))
    assert not hasattr(ns, "__dict__")
    assert type(made.__dict__["limit"]).__name__ == "member_descriptor"
