"""What one API can say and the other cannot: refused by name, rather than lost."""

from typing import Final

import msgspec

from aiex.assistant.refusal import Refusal

TO_CHAT: Final = "to a model that is asked through OpenAI's API"
TO_MESSAGES: Final = "to a model that is asked through Anthropic's API"
TO_ANY_MODEL: Final = "to a model, since all are asked by chat"


def not_carried(field: str, target: str, hint: str = "") -> Refusal:
    """The refusal of a request whose `field` has no counterpart."""
    message = f"'{field}' cannot be carried {target}."
    return Refusal(400, "not_carried", f"{message} {hint}".rstrip(), param=field)


def decoded[T](decoder: msgspec.json.Decoder[T], raw: bytes, target: str) -> T:
    """The request in `raw`; raises `Refusal` (400) that names the field which is in the way."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), target) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "invalid_json", f"The body is not valid JSON: {error}.") from error


def _misfit(problem: str, target: str) -> Refusal:
    # msgspec words it "Object contains unknown field `n` - at `$.tools[...]`", the place left out
    # when it is the whole body.
    what, _, place = problem.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    _, is_unknown, unknown = what.partition("unknown field `")
    if is_unknown:
        field = unknown.rstrip("`")
        return not_carried(f"{place}.{field}" if place else field, target)
    text = f"{place or 'The body'}: {what}; as it is, it cannot be carried {target}."
    return Refusal(400, "invalid_value", text, param=place or None)
