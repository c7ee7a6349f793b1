"""A set of labels in a line, for people."""

from aiex.performance.profile import Labels

NOBODY = "no labels"


def label_text(labels: Labels) -> str:
    """Those that say something, in their order."""
    texts = [str(getattr(labels, name)) for name in labels.__struct_fields__]
    return " · ".join(text for text in texts if text) or NOBODY
