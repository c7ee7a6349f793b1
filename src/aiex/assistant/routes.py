"""The API's routes in one table: what can be asked for, how, and with which credential."""

from typing import Final
from urllib.parse import unquote

import msgspec

CHAT_COMPLETIONS: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"
EMBEDDINGS: Final = "/v1/embeddings"
MESSAGES: Final = "/v1/messages"
COUNT_TOKENS: Final = "/v1/messages/count_tokens"
MODELS: Final = "/v1/models"
MODEL: Final = "/v1/models/{model}"
# What a request for anything else is counted under: labels stay bounded, whatever is asked for.
UNKNOWN: Final = "unknown"


class Route(msgspec.Struct, frozen=True):
    """`path` is the pattern that logs and metrics show."""

    method: str
    path: str
    summary: str
    needs_key: bool = True  # once there is one: see the setting `api.auth`


ROUTES: Final = (
    Route("POST", CHAT_COMPLETIONS, "OpenAI's chat completions: JSON, or a stream of events."),
    Route("POST", COMPLETIONS, "OpenAI's legacy completions: JSON, or a stream of events."),
    Route("POST", EMBEDDINGS, "OpenAI's embeddings."),
    Route("POST", MESSAGES, "Anthropic's messages: JSON, or a stream of events."),
    Route("POST", COUNT_TOKENS, "The tokens of a request for messages, counted or estimated."),
    Route("GET", MODELS, "The models there are; the first is the default of `aiex chat`."),
    Route("GET", MODEL, "One model. Its name may hold slashes."),
    Route("GET", "/livez", "200 while the node's loop turns.", needs_key=False),
    Route("GET", "/readyz", "200 while the node takes new requests, else 503.", needs_key=False),
    Route("GET", "/healthz", "The same as /readyz.", needs_key=False),
)

METHODS: Final = {route.path: route.method for route in ROUTES if route.needs_key}
# Answered in Anthropic's form, errors too.
MESSAGES_ROUTES: Final = frozenset({MESSAGES, COUNT_TOKENS})
PROBES: Final = frozenset(route.path for route in ROUTES if not route.needs_key)


def route_of(path: str) -> str:
    """The pattern that `path` falls under, or `unknown`."""
    if path in METHODS and path != MODEL:
        return path
    return MODEL if path.startswith(f"{MODELS}/") and len(path) > len(MODELS) + 1 else UNKNOWN


def model_in(path: str) -> str:
    """The model named by a path of the route `MODEL`."""
    return unquote(path.removeprefix(f"{MODELS}/"))
