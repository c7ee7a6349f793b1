"""Hot values: an attribute read, changed on all nodes by one call."""

from aiex.fastglobal.entry import HISTORY, HotEntry, Trial, Version
from aiex.fastglobal.events import CanaryEnded, HotValueChanged, HotValueRefused
from aiex.fastglobal.fast_global import HOLD_S, PATIENCE_S, SPREAD_S, FastGlobal, Nodes
from aiex.fastglobal.hot_file import HotFile
from aiex.fastglobal.in_force import Held, HotChange
from aiex.fastglobal.schema import HotKey, Schema, plain, shown
from aiex.fastglobal.spread import Said, Spread, Wait
from aiex.fastglobal.trials import Trials

__all__ = [
    "HISTORY",
    "HOLD_S",
    "PATIENCE_S",
    "SPREAD_S",
    "CanaryEnded",
    "FastGlobal",
    "Held",
    "HotChange",
    "HotEntry",
    "HotFile",
    "HotKey",
    "HotValueChanged",
    "HotValueRefused",
    "Nodes",
    "Said",
    "Schema",
    "Spread",
    "Trial",
    "Trials",
    "Version",
    "Wait",
    "plain",
    "shown",
]
