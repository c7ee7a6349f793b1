"""Where each value of the settings came from, for messages and for `aiex config show`."""

type TreePath = tuple[str, ...]


class Sources:
    """Remembers the source of each path that was set."""

    def __init__(self) -> None:
        self._sources: dict[TreePath, str] = {}

    def put(self, path: TreePath, source: str) -> None:
        """`path` and all below it come from `source` now."""
        below = [one for one in self._sources if one[: len(path)] == path]
        for one in below:
            del self._sources[one]
        self._sources[path] = source

    def dotted(self) -> dict[str, str]:
        return {".".join(path): source for path, source in self._sources.items()}

    def shown(self, path: TreePath) -> str:
        """The path and its source: its own, else that of what it is in or of what is in it."""
        dotted = ".".join(path) or "the settings"
        source = self._source(path)
        return f"{dotted} ({source})" if source else dotted

    def _source(self, path: TreePath) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in self._sources:
                return self._sources[path[:length]]
        below = (source for one, source in self._sources.items() if one[: len(path)] == path)
        return next(below, "")
