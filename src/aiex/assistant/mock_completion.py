"""The mock's legacy completions: what it would say in a chat, in the older form.

One choice for each prompt of a list; tokens are words. Prompts given as token numbers count as one
word a number.
"""

import json
from collections.abc import Iterator
from itertools import chain, islice

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
    choices = []
    for index, prompt in enumerate(prompt_texts(request.prompt)):
        text = " ".join(_words_of(model, request, prompt))
        choices.append({**_choice(index, text), "finish_reason": "stop"})
    return json.dumps(
        {**_head(request), "choices": choices, "usage": _usage(model, request)}
    ).encode()


def completion_frames(model: MockModel, request: CompletionRequest) -> Iterator[bytes]:
    """The events of a stream as they are wanted, usage and end mark included."""
    head = _head(request)
    for index, prompt in enumerate(prompt_texts(request.prompt)):
        for position, word in enumerate(_words_of(model, request, prompt)):
            choice = _choice(index, f" {word}" if position else word)
            yield _event({**head, "choices": [{**choice, "finish_reason": None}]})
        yield _event({**head, "choices": [{**_choice(index, ""), "finish_reason": "stop"}]})
    yield _event({**head, "choices": [], "usage": _usage(model, request)})
    yield b"data: [DONE]\n\n"


def half_of_completion_frames(model: MockModel, request: CompletionRequest) -> Iterator[bytes]:
    """A stream that stops in the middle of its answer."""
    return islice(
        completion_frames(model, request), max(1, _usage(model, request)["completion_tokens"] // 2)
    )


def prompt_texts(prompt: str | list[str | int | Tokens]) -> list[str]:
    """Each text of a prompt or an input: tokens are the words of theirs."""
    if isinstance(prompt, str):
        return [prompt]
    if all(isinstance(part, int) for part in prompt):
        return [" ".join(map(str, prompt))]
    return [part if isinstance(part, str) else _words(part) for part in prompt]


def _words(part: int | Tokens) -> str:
    return str(part) if isinstance(part, int) else " ".join(map(str, part))


def _words_of(model: MockModel, request: CompletionRequest, prompt: str) -> Iterator[str]:
    words = model.words(_question(request, prompt))
    return chain([prompt], words) if request.echo else words


def _question(request: CompletionRequest, prompt: str) -> MockRequest:
    return mock_question(request.model, prompt, request.max_tokens)


def _usage(model: MockModel, request: CompletionRequest) -> dict[str, int]:
    prompts = prompt_texts(request.prompt)
    prompt = sum(len(text.split()) for text in prompts)
    made = sum(model.word_count(_question(request, text)) for text in prompts)
    return {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}


def _head(request: CompletionRequest) -> dict[str, object]:
    return {
        "id": "cmpl-mock",
        "object": "text_completion",
        "created": CREATED,
        "model": request.model,
    }


def _event(content: dict[str, object]) -> bytes:
    return b"data: %s\n\n" % json.dumps(content).encode()


def _choice(index: int, text: str) -> dict[str, object]:
    return {"index": index, "text": text, "logprobs": None}
