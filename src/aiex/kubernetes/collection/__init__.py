"""Facts about a release, read from the Kubernetes API."""

from aiex.kubernetes.collection.collection import Found, collected
from aiex.kubernetes.collection.secrets import with_secrets

__all__ = ["Found", "collected", "with_secrets"]
