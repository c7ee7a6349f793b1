"""How hard a model is to think: Anthropic's `thinking` and effort, OpenAI's `reasoning_effort`."""

import re
from typing import Final

import msgspec

from aiex.assistant.anthropic.message_form import OutputConfig, Thinking
from aiex.assistant.chat_form import Effort

# The signature of thinking that no Anthropic model signed: it came as `reasoning_content`, and goes
# back as such. Anthropic would refuse it, so it is taken out on the way there.
UNSIGNED: Final = "aiex-unsigned"

# Models before Claude 4.6 think within a budget of tokens, later ones as hard as an effort says,
# and each refuses the other's way:
# https://docs.claude.com/en/docs/build-with-claude/adaptive-thinking
ADAPTIVE_SINCE: Final = (4, 6)
_VERSION = re.compile(r"claude-(?:[a-z]+-)*(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?!\d)")

# The least that Anthropic takes is 1,024; each step is four times the one before.
BUDGET_MIN_TOKENS: Final = 1024
_BUDGETS: Final = {
    "minimal": 1024,
    "low": 1024,
    "medium": 4096,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}


class Mind(msgspec.Struct, frozen=True):
    """What a request to Anthropic says of thinking."""

    thinking: Thinking | None = None
    output_config: OutputConfig | None = None


def mind(effort: Effort | None, model: str, max_tokens: int) -> Mind:
    """An effort as `model` takes it, within `max_tokens`."""
    if effort is None:
        return Mind()
    if effort == "none":
        return Mind(Thinking("disabled"))
    if _is_adaptive(model):
        # Later models leave their thoughts out of the answer unless told to sum them up.
        thinking = Thinking("adaptive", display="summarized")
        return Mind(thinking, OutputConfig("low" if effort == "minimal" else effort))
    budget = min(_BUDGETS[effort], max_tokens - 1)
    if budget < BUDGET_MIN_TOKENS:
        return Mind()
    return Mind(Thinking("enabled", budget))


def effort(thinking: Thinking | None, output: OutputConfig | None) -> Effort | None:
    """What a request to Anthropic says of thinking, as OpenAI's `reasoning_effort`.

    None leaves it to the model: so does `adaptive` without an effort. `disabled` is nothing too,
    since most servers take no word for it.
    """
    if thinking is not None and thinking.type == "disabled":
        return None
    if output is not None and isinstance(output.effort, str):
        return output.effort
    if thinking is None or not isinstance(thinking.budget_tokens, int):
        return None
    budget = thinking.budget_tokens
    return "low" if budget < _BUDGETS["medium"] else "medium" if budget < 16_384 else "high"


def _is_adaptive(model: str) -> bool:
    """Whether a model is of Claude 4.6 or later; a name without a version means the latest."""
    found = _VERSION.search(model)
    return found is None or (int(found[1]), int(found[2] or 0)) >= ADAPTIVE_SINCE
