"""What changed from one profile to another, as JSON for programs."""

import msgspec

from aiex.performance.formats.difference import By, Difference
from aiex.performance.formats.functions import FunctionChange, function_changes
from aiex.performance.profile import Kind


class _Side(msgspec.Struct, frozen=True):
    began_at_s: float
    seconds: float
    weight: int  # as it was, not scaled


class _Document(msgspec.Struct, frozen=True):
    """`factor` is what the weights of `before` were multiplied with in `functions`."""

    kind: Kind
    unit: str
    by: By
    factor: float
    before: _Side
    after: _Side
    functions: list[FunctionChange]


def difference_document(difference: Difference) -> bytes:
    """A whole document; functions whose own weight changed most come first."""
    before, after = (
        _Side(one.began_at_s, one.seconds, one.weight)
        for one in (difference.before, difference.after)
    )
    return msgspec.json.encode(
        _Document(
            difference.after.kind,
            difference.after.unit,
            difference.by,
            difference.factor,
            before,
            after,
            function_changes(difference),
        )
    )
