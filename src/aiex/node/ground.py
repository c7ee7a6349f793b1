"""What every row of a node stands on."""

from dataclasses import dataclass
from random import Random

from aiex.clock import Clock
from aiex.events import Emit
from aiex.node.data_directory import DataDirectory
from aiex.node.life import Life
from aiex.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    settings: Settings
    directory: DataDirectory
    life: Life
    clock: Clock
    random: Random
    emit: Emit
