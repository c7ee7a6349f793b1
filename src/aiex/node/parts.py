"""What a node is made of, once built: the list that the report and the admin API read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiex.assistant import Api, Catalogue, Intake, KeyRing, LocalModel, Targets
from aiex.cluster import Cluster, Milestones
from aiex.engine import Engine
from aiex.fastglobal import FastGlobal
from aiex.node.hot_values import HotValues
from aiex.node.life import Life
from aiex.node.supervision import ServiceState
from aiex.settings import ClusterSettings, Settings
from aiex.store import ViewState
from aiex.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Parts:
    settings: Settings
    life: Life
    data_dir: Path
    engine: Engine
    cluster: Cluster
    keys: KeyRing
    hot: FastGlobal[HotValues]
    catalogue: Catalogue
    targets: Targets
    local_model: LocalModel | None
    api: Api
    intake: Intake
    telemetry: Telemetry
    cluster_settings: Callable[[], ClusterSettings]  # with what this node was told to join
    supervision: Callable[[], ServiceState]
    milestones: Milestones
    views: Callable[[], Sequence[ViewState]]
