"""Kubernetes as seen by a client: how to reach its API, and what an object there is.

Imported by commands only, and only when one of them runs: a node knows nothing of Kubernetes.
"""

from aiex.kubernetes.access import IN_CLUSTER, Access, access
from aiex.kubernetes.client import KubernetesApi

__all__ = ["IN_CLUSTER", "Access", "KubernetesApi", "access"]
