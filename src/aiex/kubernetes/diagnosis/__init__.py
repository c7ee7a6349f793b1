"""What is wrong with a release of Aiex in Kubernetes, by the facts. Pure."""

from aiex.kubernetes.diagnosis.diagnosis import RULES, diagnosed
from aiex.kubernetes.diagnosis.finding import Finding, Rule, Seen

__all__ = ["RULES", "Finding", "Rule", "Seen", "diagnosed"]
