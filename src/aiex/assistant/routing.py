"""Which models a request goes to when the one asked for does not answer."""

from collections.abc import Iterator

from aiex.assistant.catalogue import Catalogue, Model


def fallbacks(model: Model, catalogue: Catalogue) -> Iterator[Model]:
    """The model's fallbacks in order; not theirs in turn, so no circle of them goes on for ever."""
    return (catalogue.model(name) for name in model.fallbacks)
