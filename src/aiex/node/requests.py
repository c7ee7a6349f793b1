"""Every request that nodes answer, from every part: the cluster's page of them is made of this."""

from aiex.cluster import REQUESTS
from aiex.performance import PERFORMANCE_REQUESTS

ALL_REQUESTS = (*REQUESTS, *PERFORMANCE_REQUESTS)
