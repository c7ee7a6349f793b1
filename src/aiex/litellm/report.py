"""What of a configuration did not map: where in the file, and why. Never with a value of it."""

import msgspec


class Loss(msgspec.Struct, frozen=True, order=True):
    """`path` is as in `model_list[0].litellm_params.rpm`."""

    path: str
    reason: str


class Report:
    """The losses found so far, in the order of finding, each once."""

    def __init__(self) -> None:
        self._losses: dict[Loss, None] = {}

    def add(self, path: str, reason: str) -> None:
        self._losses[Loss(path, reason)] = None

    def losses(self) -> list[Loss]:
        return list(self._losses)
