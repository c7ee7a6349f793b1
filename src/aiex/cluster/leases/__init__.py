"""What one node of the cluster does at a time, and the fence that keeps it so."""

from aiex.cluster.leases.fence import FencedEntry, FenceGuard
from aiex.cluster.leases.lease_record import Holder
from aiex.cluster.leases.lease_service import LeaseService
from aiex.cluster.leases.leasehold import Leasehold, LeaseStatus

__all__ = ["FenceGuard", "FencedEntry", "Holder", "LeaseService", "LeaseStatus", "Leasehold"]
