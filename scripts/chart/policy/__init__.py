"""Rules about rendered objects: four published catalogues and our own, one function a rule."""

from scripts.chart.policy.catalogues import CATALOGUES
from scripts.chart.policy.rules import Catalogue, Finding, Rule, Skip

__all__ = ["CATALOGUES", "Catalogue", "Finding", "Rule", "Skip"]
