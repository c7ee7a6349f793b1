"""What a node is told before it starts: one frozen tree, checked as a whole."""

from aiex.settings.conflicts import conflicts
from aiex.settings.digest import settings_digest, shared_digest
from aiex.settings.engine_url import engine_url_problem, with_scheme
from aiex.settings.expectation import expectation, meant
from aiex.settings.load import Loaded, default_file, load
from aiex.settings.loopback import is_loopback
from aiex.settings.secret import Secret
from aiex.settings.sections import (
    SECONDS_MAX,
    AdminSettings,
    ApiSettings,
    ClusterSettings,
    EngineSettings,
    LimitsSettings,
    LocalModelSettings,
    LogSettings,
    MockFaults,
    ModelSettings,
    NodeSettings,
    PerformanceSettings,
    PriceSettings,
    ProviderSettings,
    TargetSettings,
)
from aiex.settings.seed import Seed, parse_seed
from aiex.settings.settings import Settings
from aiex.settings.shown import ShownSetting, shown_settings

__all__ = [
    "SECONDS_MAX",
    "AdminSettings",
    "ApiSettings",
    "ClusterSettings",
    "EngineSettings",
    "LimitsSettings",
    "Loaded",
    "LocalModelSettings",
    "LogSettings",
    "MockFaults",
    "ModelSettings",
    "NodeSettings",
    "PerformanceSettings",
    "PriceSettings",
    "ProviderSettings",
    "Secret",
    "Seed",
    "Settings",
    "ShownSetting",
    "TargetSettings",
    "conflicts",
    "default_file",
    "engine_url_problem",
    "expectation",
    "is_loopback",
    "load",
    "meant",
    "parse_seed",
    "settings_digest",
    "shared_digest",
    "shown_settings",
    "with_scheme",
]
