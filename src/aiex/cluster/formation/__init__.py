"""Which nodes carry the engine: the charter that says so, and each node's way to its seat."""

from aiex.cluster.formation.attendance import attendance
from aiex.cluster.formation.charter import CHARTER_FILE, Charter, load_charter
from aiex.cluster.formation.engine_seats import EngineSeats
from aiex.cluster.formation.formation_service import FormationService
from aiex.cluster.formation.formation_status import FormationStatus
from aiex.cluster.formation.milestones import MILESTONES, Milestones

__all__ = [
    "CHARTER_FILE",
    "MILESTONES",
    "Charter",
    "EngineSeats",
    "FormationService",
    "FormationStatus",
    "Milestones",
    "attendance",
    "load_charter",
]
