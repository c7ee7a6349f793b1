"""All operations of the admin API, as one table.

The routes, the OpenAPI document, its page and the reference are all made of this table, so none can
be forgotten. A new chapter is a module beside this one, named here and built in
`node/operating.py`.
"""

from aiex.node.admin.cluster import ClusterOperations
from aiex.node.admin.hot import HotOperations
from aiex.node.admin.keys import KeyOperations
from aiex.node.admin.models import ModelOperations
from aiex.node.admin.node import NodeOperations
from aiex.node.admin.operation import operations_of
from aiex.node.admin.performance import PerformanceOperations
from aiex.node.admin.probes import Probes
from aiex.node.admin.store import StoreOperations
from aiex.node.admin.usage import UsageOperations

CHAPTERS: tuple[type, ...] = (
    Probes,
    NodeOperations,
    ClusterOperations,
    ModelOperations,
    KeyOperations,
    UsageOperations,
    HotOperations,
    StoreOperations,
    PerformanceOperations,
)
OPERATIONS = tuple(one for chapter in CHAPTERS for one in operations_of(chapter))
