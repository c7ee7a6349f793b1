"""The row that answers clients: from the listener's bytes to the providers and back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiex.assistant import (
    THREADS,
    Api,
    Catalogue,
    Chat,
    ClientThread,
    Intake,
    KeyCheck,
    LoadLimits,
    LocalModel,
    OwnSockets,
    Pace,
    Talk,
    Targets,
    TokenCount,
    build_providers,
    local_model_answers,
)
from aiex.cluster import Cluster
from aiex.node.ground import Ground
from aiex.node.health import Phase
from aiex.node.lives import MemberLives
from aiex.node.state import State


@dataclass(frozen=True, slots=True)
class Serving:
    targets: Targets
    local_model: LocalModel | None  # None where no target is of this machine's model
    client_thread: ClientThread
    intake: Intake
    talk: Talk
    api: Api


def build_serving(
    ground: Ground,
    state: State,
    cluster: Cluster,
    catalogue: Catalogue,
    *,
    runtime_dir: Path,
    key_check: Callable[[], KeyCheck | None],
    is_ready: Callable[[], bool],
) -> Serving:
    """The row; `key_check` and `is_ready` are asked at each request that has use for them."""
    settings, life = ground.settings, ground.life
    clock, random, emit = ground.clock, ground.random, ground.emit
    local_model = None
    if catalogue.has_local:
        local_model = LocalModel(
            settings.local, runtime_dir, answers=local_model_answers, clock=clock, emit=emit
        )
    client_thread = ClientThread()
    providers = build_providers(
        catalogue.providers,
        local_model=local_model,
        clock=clock,
        thread_gone=client_thread.gone,
    )
    limits = LoadLimits(
        settings.api.in_flight_max,
        settings.api.body_bytes_in_flight_max,
        settings.api.shed_from_lag_s,
        settings.api.shed_all_lag_s,
    )
    intake = Intake(limits, random=random, emit=emit)
    targets = Targets(catalogue, clock=clock, random=random, emit=emit)
    admission = state.metering.admission
    chat = Chat(catalogue, providers, targets, admission=admission)
    lives = MemberLives(life.name, cluster)
    talk = Talk(chat, state.store.rows(THREADS), lives, clock=clock, emit=emit)
    api = Api(
        chat,
        catalogue,
        token_count=TokenCount(catalogue, providers, targets, admission=admission),
        key_check=key_check,
        is_ready=is_ready,
        intake=intake,
        pace=Pace(OwnSockets(clock).unread_bytes, clock, settings.api.stall_timeout_s),
        body_bytes_max=settings.api.body_bytes_max,
        body_timeout_s=settings.api.body_timeout_s,
        random=random,
        emit=emit,
        admission=admission,
        talk=talk,
        is_leaving=lambda: life.phase is Phase.DRAINING,
    )
    return Serving(targets, local_model, client_thread, intake, talk, api)
