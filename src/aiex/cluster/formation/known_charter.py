"""The charter that a node goes by, and whether it is in force or only what discovery names."""

from pathlib import Path

from aiex.cluster.formation.charter import Charter, forget_charter, keep_charter, load_charter


class KnownCharter:
    """In force is what was read in an engine, now or in an earlier life, or told by others.

    Only that is kept for the next start, and told to others.
    """

    def __init__(self, cluster: str, file: Path) -> None:
        self._cluster = cluster
        self._file = file
        self.charter: Charter | None = None
        self.is_in_force = False
        self._is_remembered = True

    @property
    def names(self) -> tuple[str, ...]:
        """The carriers' names; none while there is no charter."""
        return () if self.charter is None else self.charter.names

    @property
    def in_force(self) -> Charter | None:
        """The charter, if it is in force."""
        return self.charter if self.is_in_force else None

    def load(self) -> None:
        """Begin with that of the last life."""
        self.charter = load_charter(self._file, self._cluster)
        self.is_in_force = self.charter is not None

    def assume(self, charter: Charter) -> None:
        """Go by a charter that nobody has confirmed."""
        self.charter = charter

    def keep(self, charter: Charter) -> None:
        """Go by a charter that is in force."""
        self.charter = charter
        self.is_in_force = True
        if self._is_remembered:
            keep_charter(self._file, charter)

    def forget(self) -> None:
        """The next life begins as a stranger's, whatever this one still hears."""
        self._is_remembered = False
        forget_charter(self._file)
