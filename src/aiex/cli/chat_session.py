"""A conversation as the command line keeps it: what was said, with which model; pure.

A turn enters the history whole or not at all, so that user and assistant always alternate.
"""

from typing import Any

import msgspec

# The model's context ends long before; this only bounds what a session left open can grow to.
TURNS_MAX = 500


class Turn(msgspec.Struct, frozen=True):
    """One question and its answer."""

    prompt: str
    answer: str


class Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What /save writes and /load reads."""

    model: str
    system: str
    turns: list[Turn]


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one answer, or of many."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


class ChatSession:
    """The state of one `aiex chat`."""

    def __init__(
        self,
        model: str,
        *,
        system: str = "",
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> None:
        self.model = model
        self.system = system
        self.turns: list[Turn] = []
        self.usage = Usage()
        self.answer_count = 0
        self._options = {"temperature": temperature, "max_tokens": max_tokens}
        self._last_prompt = ""
        self._is_last_answered = False

    def request(self, prompt: str) -> dict[str, Any]:
        """The body that asks `prompt` after all that was said; it is what `retry` asks again."""
        self._last_prompt, self._is_last_answered = prompt, False
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for turn in self.turns:
            messages.append({"role": "user", "content": turn.prompt})
            messages.append({"role": "assistant", "content": turn.answer})
        messages.append({"role": "user", "content": prompt})
        options = {name: value for name, value in self._options.items() if value is not None}
        return {
            "model": self.model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            **options,
        }

    def answered(self, prompt: str, answer: str, usage: Usage) -> None:
        """Keep a turn, and count what it took."""
        self.turns = [*self.turns, Turn(prompt, answer)][-TURNS_MAX:]
        self.usage = self.usage.plus(usage)
        self.answer_count += 1
        self._is_last_answered = True

    def retry(self) -> str:
        """The last prompt, with its answer forgotten; empty when nothing was asked yet."""
        if self._is_last_answered:
            self.turns.pop()
            self._is_last_answered = False
        return self._last_prompt

    def clear(self) -> None:
        """Forget what was said; model, system text and the count of tokens stay."""
        self.turns = []
        self._last_prompt, self._is_last_answered = "", False

    def saved(self) -> bytes:
        """The conversation as a JSON document."""
        document = msgspec.json.encode(Saved(self.model, self.system, self.turns))
        return msgspec.json.format(document, indent=2) + b"\n"

    def load(self, document: bytes) -> None:
        """Go on with a saved conversation; raises `msgspec.DecodeError` with nothing changed."""
        saved = msgspec.json.decode(document, type=Saved)
        self.model, self.system = saved.model, saved.system
        self.turns = saved.turns[-TURNS_MAX:]
        self._last_prompt = self.turns[-1].prompt if self.turns else ""
        self._is_last_answered = bool(self.turns)


def valid_text(typed: str) -> str:
    """What was typed with question marks for what is no character.

    A terminal and a shell hand over any bytes, as lone surrogates; JSON has none.
    """
    return typed.encode(errors="replace").decode()
