"""The sections of the settings, each in the module that has its name."""

from aiex.settings.sections.admin import AdminSettings
from aiex.settings.sections.api import ApiSettings
from aiex.settings.sections.bounds import SECONDS_MAX
from aiex.settings.sections.cluster import ClusterSettings
from aiex.settings.sections.engine import EngineSettings
from aiex.settings.sections.limits import LimitsSettings
from aiex.settings.sections.local import LocalModelSettings
from aiex.settings.sections.log import LogSettings
from aiex.settings.sections.models import ModelSettings, TargetSettings
from aiex.settings.sections.node import NodeSettings
from aiex.settings.sections.performance import PerformanceSettings
from aiex.settings.sections.prices import PriceSettings
from aiex.settings.sections.providers import MockFaults, ProviderSettings

__all__ = [
    "SECONDS_MAX",
    "AdminSettings",
    "ApiSettings",
    "ClusterSettings",
    "EngineSettings",
    "LimitsSettings",
    "LocalModelSettings",
    "LogSettings",
    "MockFaults",
    "ModelSettings",
    "NodeSettings",
    "PerformanceSettings",
    "PriceSettings",
    "ProviderSettings",
    "TargetSettings",
]
