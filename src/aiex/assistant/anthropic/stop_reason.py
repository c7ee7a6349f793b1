"""Why an answer ended, in the words of both APIs."""

from typing import Final

# OpenAI has no word for a turn that Anthropic paused, nor for a full context window; the nearest
# ones make clients do the right thing: go on, or see that the answer is not whole.
_FINISH: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_STOP: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def finish_reason(stop_reason: str | None) -> str:
    """OpenAI's word for Anthropic's; `stop` for one that is new."""
    return _FINISH.get(stop_reason or "", "stop")


def stop_reason(finish: str | None, *, has_tool_use: bool, stop_sequence: str | None) -> str:
    """Anthropic's word for OpenAI's; `end_turn` for one that is new.

    Some servers say `stop` after a tool call: what is in the answer counts more.
    """
    reason = _STOP.get(finish or "", "end_turn")
    if reason != "end_turn":
        return reason
    if has_tool_use:
        return "tool_use"
    return "stop_sequence" if stop_sequence is not None else reason
