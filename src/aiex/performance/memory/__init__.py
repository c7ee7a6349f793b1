"""A node's memory: how much, of what types, who holds it, what leaks, what can be given back."""

from aiex.performance.memory.events import LeakSuspected, LeakWithdrawn, MemoryTrimmed
from aiex.performance.memory.leak import Leak, LeakKind
from aiex.performance.memory.memory import Memory
from aiex.performance.memory.requests import (
    MEMORY_REQUESTS,
    Allocators,
    CountTypes,
    DescribeMemory,
    FindGrowth,
    FindHolders,
    Footprint,
    GrowthReport,
    HeldContainer,
    HolderList,
    Limit,
    MemoryState,
    Point,
    ProfileMemory,
    Trimmed,
    TrimMemory,
    TypeCensus,
    TypeRow,
)
from aiex.performance.memory.watch import MemoryWatch, Pace

__all__ = [
    "MEMORY_REQUESTS",
    "Allocators",
    "CountTypes",
    "DescribeMemory",
    "FindGrowth",
    "FindHolders",
    "Footprint",
    "GrowthReport",
    "HeldContainer",
    "HolderList",
    "Leak",
    "LeakKind",
    "LeakSuspected",
    "LeakWithdrawn",
    "Limit",
    "Memory",
    "MemoryState",
    "MemoryTrimmed",
    "MemoryWatch",
    "Pace",
    "Point",
    "ProfileMemory",
    "TrimMemory",
    "Trimmed",
    "TypeCensus",
    "TypeRow",
]
