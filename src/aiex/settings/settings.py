"""Every setting of a node, one frozen tree: its name, unit, default, bounds and meaning.

`aiex.settings.load` fills it from a TOML file, the environment and flags. Nothing else in Aiex
reads the environment. The text in each `Meta(description=…)` of the sections is what
`docs/reference/settings.md` prints.
"""

import msgspec

from aiex.settings.sections import (
    AdminSettings,
    ApiSettings,
    ClusterSettings,
    EngineSettings,
    LimitsSettings,
    LocalModelSettings,
    LogSettings,
    ModelSettings,
    NodeSettings,
    PerformanceSettings,
    PriceSettings,
    ProviderSettings,
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: NodeSettings = NodeSettings()
    api: ApiSettings = ApiSettings()
    admin: AdminSettings = AdminSettings()
    engine: EngineSettings = EngineSettings()
    cluster: ClusterSettings = ClusterSettings()
    log: LogSettings = LogSettings()
    local: LocalModelSettings = LocalModelSettings()
    providers: dict[str, ProviderSettings] = {}
    models: dict[str, ModelSettings] = {}
    limits: LimitsSettings = LimitsSettings()
    prices: dict[str, PriceSettings] = {}
    performance: PerformanceSettings = PerformanceSettings()
