"""What a request of the Responses API says that a chat cannot, or that is no such request."""

from typing import Final

import msgspec

from aiex.assistant.anthropic.not_carried import not_carried
from aiex.assistant.refusal import Refusal

__all__ = ["TO_CHAT", "decoded", "not_carried"]

TO_CHAT: Final = "to a model, since all are asked by chat"


def decoded[T](decoder: msgspec.json.Decoder[T], raw: bytes, field: str = "") -> T:
    """What `raw` says, found in `field`; raises `Refusal` (400) that names what is in the way."""
    try:
        value = decoder.decode(raw)
        if not raw.isascii():
            raw.decode()  # what is not decoded here is checked too: providers get only UTF-8
    except msgspec.ValidationError as error:
        raise _misfit(str(error), field) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "invalid_json", f"The body is not valid JSON: {error}.") from error
    return value


def _misfit(problem: str, field: str) -> Refusal:
    # msgspec words it "Object contains unknown field `n` - at `$.tools[...]`", "Object missing
    # required field `model`" or "Expected `str`, got `int` - at `$.model`".
    what, _, place = problem.partition(" - at `$")
    place = ".".join(part for part in (field, place.rstrip("`").lstrip(".")) if part)
    _, is_unknown, unknown = what.partition("unknown field `")
    if is_unknown:
        unknown = unknown.rstrip("`")
        return not_carried(f"{place}.{unknown}" if place else unknown, TO_CHAT)
    _, is_missing, missing = what.partition("required field `")
    if is_missing:
        missing = missing.rstrip("`")
        place = f"{place}.{missing}" if place else missing
        return Refusal(400, "missing_required_parameter", f"'{place}' is missing.", param=place)
    return Refusal(400, "invalid_value", f"{place or 'The body'}: {what}.", param=place or None)
