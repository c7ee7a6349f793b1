"""JSON that a client of the Responses API gave, and what is said where it is wrong."""

import msgspec

from aiex.assistant.not_carried import TO_ANY_MODEL, not_carried
from aiex.assistant.refusal import Refusal


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
        return not_carried(f"{place}.{unknown}" if place else unknown, TO_ANY_MODEL)
    _, is_missing, missing = what.partition("required field `")
    if is_missing:
        missing = missing.rstrip("`")
        place = f"{place}.{missing}" if place else missing
        return Refusal(400, "missing_required_parameter", f"'{place}' is missing.", param=place)
    return Refusal(400, "invalid_value", f"{place or 'The body'}: {what}.", param=place or None)
