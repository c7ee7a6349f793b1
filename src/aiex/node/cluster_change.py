"""What an operator changes of the cluster: a node joins, leaves, or is removed when it is lost."""

from aiex.cluster import Cluster, FormationService, MemberState
from aiex.engine import Engine
from aiex.errors import AiexError
from aiex.node.joining import Joining, JoinRequest


class ChangeRefused(AiexError):
    """The cluster cannot be changed so."""


class ClusterChange:
    """Each method begins a change and returns; `GET /admin/v1/cluster` tells how far it is.

    Raises `ChangeRefused` with why it cannot be.
    """

    def __init__(self, cluster: Cluster, engine: Engine, joining: Joining) -> None:
        self._cluster = cluster
        self._engine = engine
        self._joining = joining

    def join(self, asked: JoinRequest) -> None:
        """Form a cluster with others, bringing this node's state. Raises `SettingsError` too."""
        formation = self._formation()
        if formation.is_on:
            raise ChangeRefused(
                f"This node is in the cluster {self._cluster.name} already; see "
                "`aiex cluster status`."
            )
        if not self._engine.status().is_embedded:
            raise ChangeRefused(
                "This node uses an external engine (engine.url): nodes at one engine with one "
                "cluster.name are members already."
            )
        try:
            found = self._joining.join(asked)
        except OSError as error:
            raise ChangeRefused(f"What to join cannot be kept: {error.strerror}.") from error
        assert found.access is not None, "what is joined has a secret"
        assert found.discovery is not None, "and a way to be found"
        self._engine.admit(found.access)
        formation.join(found.discovery, wanted=self._joining.cluster.carriers)

    def leave(self) -> None:
        """Hand over what this node carries, drain, stop."""
        formation = self._formation()
        if not formation.is_on:
            raise ChangeRefused("This node is on its own: there is no cluster to leave.")
        formation.leave()

    async def remove(self, name: str) -> None:
        """Forget a node that will never come back; its place as a carrier goes to another.

        Raises `EngineError` when the engine does not take it.
        """
        states = {member.name: member for member in self._cluster.view().members}
        member = states.get(name)
        if member is not None and member.state not in (MemberState.DOWN, MemberState.LEFT):
            raise ChangeRefused(
                f"The node {name} is {member.state}; let it leave: aiex cluster leave --node {name}"
            )
        formation = self._formation()
        status = formation.status()
        carrier = (member.carrier if member is not None else "") or name
        carries = status.charter is not None and carrier in status.charter.names
        if member is None and not carries:
            raise ChangeRefused(f"No node {name} is known here; see `aiex cluster nodes`.")
        if carries and (refusal := await formation.remove(carrier)):
            raise ChangeRefused(f"{refusal[:1].upper()}{refusal[1:]}.")
        self._cluster.forget(name)

    def _formation(self) -> FormationService:
        formation = self._cluster.formation
        assert formation is not None, "a node has one"
        return formation
