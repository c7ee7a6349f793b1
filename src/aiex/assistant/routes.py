"""The API's routes in one table: what can be asked for, how, and with which credential."""

import re
from typing import Final
from urllib.parse import unquote

import msgspec

CHAT_COMPLETIONS: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"
EMBEDDINGS: Final = "/v1/embeddings"
MESSAGES: Final = "/v1/messages"
COUNT_TOKENS: Final = "/v1/messages/count_tokens"
RESPONSES: Final = "/v1/responses"
RESPONSE: Final = "/v1/responses/{response_id}"
RESPONSE_CANCEL: Final = "/v1/responses/{response_id}/cancel"
RESPONSE_INPUT: Final = "/v1/responses/{response_id}/input_items"
CONVERSATIONS: Final = "/v1/conversations"
CONVERSATION: Final = "/v1/conversations/{conversation_id}"
ITEMS: Final = "/v1/conversations/{conversation_id}/items"
ITEM: Final = "/v1/conversations/{conversation_id}/items/{item_id}"
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
    Route("POST", RESPONSES, "OpenAI's responses: JSON, or a stream of events; kept unless told."),
    Route("GET", RESPONSE, "A response that was kept, or is in progress."),
    Route("DELETE", RESPONSE, "Delete a response."),
    Route("POST", RESPONSE_CANCEL, "Break off a response in progress."),
    Route("GET", RESPONSE_INPUT, "What a response was given: ?limit=20&order=desc&after=ID."),
    Route("POST", CONVERSATIONS, "Begin a conversation, with items if there are any."),
    Route("GET", CONVERSATION, "A conversation."),
    Route("POST", CONVERSATION, "Change a conversation's metadata."),
    Route("DELETE", CONVERSATION, "Delete a conversation with all that is in it."),
    Route("GET", ITEMS, "A conversation's items: ?limit=20&order=desc&after=ID."),
    Route("POST", ITEMS, "Add items to a conversation."),
    Route("GET", ITEM, "One item of a conversation."),
    Route("DELETE", ITEM, "Delete one item of a conversation."),
    Route("GET", MODELS, "The models there are; the first is the default of `aiex chat`."),
    Route("GET", MODEL, "One model. Its name may hold slashes."),
    Route("GET", "/livez", "200 while the node's loop turns.", needs_key=False),
    Route("GET", "/readyz", "200 while the node takes new requests, else 503.", needs_key=False),
    Route("GET", "/healthz", "The same as /readyz.", needs_key=False),
)

METHODS: Final = {
    path: tuple(route.method for route in ROUTES if route.path == path)
    for path in dict.fromkeys(route.path for route in ROUTES if route.needs_key)
}
# Answered in Anthropic's form, errors too.
MESSAGES_ROUTES: Final = frozenset({MESSAGES, COUNT_TOKENS})
# What is kept, and how it comes about: one handler has them all.
TALK_ROUTES: Final = frozenset(
    path for path in METHODS if path.startswith((RESPONSES, CONVERSATIONS))
)
PROBES: Final = frozenset(route.path for route in ROUTES if not route.needs_key)

_WHOLE: Final = frozenset(path for path in METHODS if "{" not in path)
_TALK: Final = (
    (re.compile(r"/v1/responses/(resp_[^/]+)"), RESPONSE),
    (re.compile(r"/v1/responses/(resp_[^/]+)/cancel"), RESPONSE_CANCEL),
    (re.compile(r"/v1/responses/(resp_[^/]+)/input_items"), RESPONSE_INPUT),
    (re.compile(r"/v1/conversations/([^/]+)"), CONVERSATION),
    (re.compile(r"/v1/conversations/([^/]+)/items"), ITEMS),
    (re.compile(r"/v1/conversations/([^/]+)/items/([^/]+)"), ITEM),
)


def route_of(path: str) -> str:
    """The pattern that `path` falls under, or `unknown`."""
    if path in _WHOLE:
        return path
    if path.startswith(f"{MODELS}/") and len(path) > len(MODELS) + 1:
        return MODEL
    if path.startswith((RESPONSES, CONVERSATIONS)):
        for pattern, route in _TALK:
            if pattern.fullmatch(path):
                return route
    return UNKNOWN


def model_in(path: str) -> str:
    """The model named by a path of the route `MODEL`."""
    return unquote(path.removeprefix(f"{MODELS}/"))


def ids_in(path: str) -> tuple[str, ...]:
    """The ids named by a path of one of `TALK_ROUTES`."""
    for pattern, _ in _TALK:
        if found := pattern.fullmatch(path):
            return tuple(unquote(one) for one in found.groups())
    return ()
