"""LiteLLM's lists of fallbacks (`[{"gpt-4o": ["claude"]}]`), one by one."""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from aiex.litellm.section import Section

# In a list of fallbacks this stands for every model that has none of its own.
EVERY = "*"


class Fallback(msgspec.Struct, frozen=True):
    """`other` is tried when `model` fails; `path` is where the file says so."""

    model: str
    other: str
    path: str


def listed_fallbacks(section: Section, key: str) -> Iterator[Fallback]:
    """What a list of mappings says; what is no name in it is reported."""
    for path, entry in section.items(key):
        if not isinstance(entry, dict):
            section.report.add(path, "expected a model's name and a list of others")
            continue
        for name, others in entry.items():
            here = f"{path}.{name}"
            if isinstance(others, list):
                yield from _named(section, str(name), here, others)
            else:
                section.report.add(here, "expected a list of models' names")


def default_fallbacks(section: Section, key: str) -> Iterator[Fallback]:
    """What a plain list says, which is for every model."""
    for path, one in section.items(key):
        yield from _named(section, EVERY, path, [one])


def fallbacks_of(name: str, known: Collection[str], listed: Sequence[Fallback]) -> list[str]:
    """The fallbacks of one model: those it was given, else those of every model."""
    own = [one.other for one in listed if one.model == name]
    names = own or [one.other for one in listed if one.model == EVERY]
    return [one for one in dict.fromkeys(names) if one in known and one != name]


def _named(section: Section, model: str, path: str, others: list[object]) -> Iterator[Fallback]:
    for other in others:
        if isinstance(other, str):
            yield Fallback(model, other, path)
        else:
            section.report.add(path, "a fallback is a model's name, with nothing else changed")
