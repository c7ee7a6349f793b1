"""The mock's legacy completions: what it would say in a chat, in the older form.

One choice for each prompt of a list; tokens are words. Prompts given as token numbers count as one
word a number.
"""

import json

import msgspec

from aiex.assistant.mock import CREATED, MockModel, MockRequest, mock_question

type Tokens = list[int]


class CompletionRequest(msgspec.Struct, frozen=True):
    model: str
    prompt: str | list[str | int | Tokens] = ""
    max_tokens: int | None = None
    echo: bool | None = None


_REQUEST = msgspec.json.Decoder(CompletionRequest)


def decode_mock_completion(body: bytes) -> CompletionRequest:
    """Raises `msgspec.DecodeError` for what no provider would take."""
    return _REQUEST.decode(body)


def completion(model: MockModel, request: CompletionRequest) -> bytes:
    """A whole completion."""
    texts = _texts(model, request)
    choices = [{**_choice(index, text), "finish_reason": "stop"} for index, text in texts]
    return json.dumps(
        {**_head(request), "choices": choices, "usage": _usage(model, request)}
    ).encode()


def completion_frames(model: MockModel, request: CompletionRequest) -> list[bytes]:
    """The events of a stream, usage and end mark included."""
    choices: list[dict[str, object]] = []
    for index, text in _texts(model, request):
        words = text.split(" ")
        parts = [word if position == 0 else f" {word}" for position, word in enumerate(words)]
        choices += [{**_choice(index, part), "finish_reason": None} for part in parts]
        choices.append({**_choice(index, ""), "finish_reason": "stop"})
    head = _head(request)
    events = [{**head, "choices": [choice]} for choice in choices]
    events.append({**head, "choices": [], "usage": _usage(model, request)})
    return [b"data: %s\n\n" % json.dumps(event).encode() for event in events] + [
        b"data: [DONE]\n\n"
    ]


def prompt_texts(prompt: str | list[str | int | Tokens]) -> list[str]:
    """Each text of a prompt or an input: tokens are the words of theirs."""
    if isinstance(prompt, str):
        return [prompt]
    if all(isinstance(part, int) for part in prompt):
        return [" ".join(map(str, prompt))]
    return [part if isinstance(part, str) else _words(part) for part in prompt]


def _words(part: int | Tokens) -> str:
    return str(part) if isinstance(part, int) else " ".join(map(str, part))


def _texts(model: MockModel, request: CompletionRequest) -> list[tuple[int, str]]:
    texts: list[tuple[int, str]] = []
    for index, prompt in enumerate(prompt_texts(request.prompt)):
        text = model.text(_question(request, prompt))
        texts.append((index, f"{prompt} {text}" if request.echo else text))
    return texts


def _question(request: CompletionRequest, prompt: str) -> MockRequest:
    return mock_question(request.model, prompt, request.max_tokens)


def _usage(model: MockModel, request: CompletionRequest) -> dict[str, int]:
    prompts = prompt_texts(request.prompt)
    prompt = sum(len(text.split()) for text in prompts)
    made = sum(len(model.text(_question(request, text)).split()) for text in prompts)
    return {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}


def _head(request: CompletionRequest) -> dict[str, object]:
    return {
        "id": "cmpl-mock",
        "object": "text_completion",
        "created": CREATED,
        "model": request.model,
    }


def _choice(index: int, text: str) -> dict[str, object]:
    return {"index": index, "text": text, "logprobs": None}
