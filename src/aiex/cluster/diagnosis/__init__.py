"""What is wrong with a cluster, by what its nodes say when they are asked. Pure."""

from aiex.cluster.diagnosis.diagnosis import RULES, diagnosed
from aiex.cluster.diagnosis.evidence import Evidence, Silence, Witness
from aiex.cluster.diagnosis.finding import Finding

__all__ = ["RULES", "Evidence", "Finding", "Silence", "Witness", "diagnosed"]
