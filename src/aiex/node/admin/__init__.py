"""The admin API: chapters of operations over one application."""

from aiex.node.admin.admin import Admin
from aiex.node.admin.cluster import ClusterOperations
from aiex.node.admin.hot import HotOperations
from aiex.node.admin.keys import KeyOperations
from aiex.node.admin.models import ModelOperations
from aiex.node.admin.node import NodeOperations
from aiex.node.admin.openapi import openapi
from aiex.node.admin.operation import Operation
from aiex.node.admin.operations import OPERATIONS
from aiex.node.admin.page import admin_page
from aiex.node.admin.performance import PerformanceOperations
from aiex.node.admin.probes import Probes
from aiex.node.admin.store import StoreOperations
from aiex.node.admin.usage import UsageOperations

__all__ = [
    "OPERATIONS",
    "Admin",
    "ClusterOperations",
    "HotOperations",
    "KeyOperations",
    "ModelOperations",
    "NodeOperations",
    "Operation",
    "PerformanceOperations",
    "Probes",
    "StoreOperations",
    "UsageOperations",
    "admin_page",
    "openapi",
]
