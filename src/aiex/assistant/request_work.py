"""Whose work a request is, as profiles and tasks tell it: one shared `Work` a route and model.

Bounded whatever clients ask for: a model that no setting names is told as its provider's, as
`openai/*`.
"""

from collections.abc import Collection
from typing import Final

from aiex.work import Work

# The listener that takes the API's requests.
SERVICE: Final = "http.api"


class RequestWork:
    """`models` are the names in the settings."""

    def __init__(self, models: Collection[str]) -> None:
        self._models = frozenset(models)
        self._known: dict[tuple[str, str], Work] = {}

    def of(self, route: str, model: str) -> Work:
        """For a request to `route`; `model` is empty until it is known."""
        if model and model not in self._models:
            model = f"{model.partition('/')[0]}/*"
        found = self._known.get((route, model))
        return found or self._known.setdefault((route, model), Work(SERVICE, route, model))
