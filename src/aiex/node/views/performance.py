"""What nodes answered of themselves, as the admin API shows it."""

import msgspec


class NodeAnswerView[A](msgspec.Struct, frozen=True):
    node: str
    answer: A


class NodeFailureView(msgspec.Struct, frozen=True):
    """No answer of `node`: down, refused, deadline, … and why in words."""

    node: str
    reason: str
    text: str


class AskedView[A](msgspec.Struct, frozen=True):
    answers: list[NodeAnswerView[A]]
    failures: list[NodeFailureView]
