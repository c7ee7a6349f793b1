"""Whose work a request is, as profiles and tasks tell it: one shared `Work` a route and model.

Bounded whatever clients ask for: a model that no setting names is told as its provider's, as
`openai/*`.
"""

from collections.abc import Collection
from typing import Final

from aiex.assistant.catalogue import Model
from aiex.assistant.routes import METHODS, UNKNOWN
from aiex.work import Work

# The listener that takes the API's requests.
SERVICE: Final = "http.api"

ROUTE_WORK: Final = {route: Work(SERVICE, route) for route in (*METHODS, UNKNOWN)}


class RequestWork:
    """`models` are the names in the settings."""

    def __init__(self, models: Collection[str]) -> None:
        self._models = frozenset(models)
        self._known: dict[tuple[str, str], Work] = {}

    def of(self, route: str, model: Model) -> Work:
        """For a request to `route` once its model is known."""
        found = self._known.get((route, model.name))
        if found is not None:
            return found
        name = model.name if model.name in self._models else f"{model.targets[0].provider}/*"
        return self._known.setdefault((route, name), Work(SERVICE, route, name))
