"""What the node says of itself: read from its parts when asked, kept nowhere."""

import os
import platform

from aiex.assistant import KeyCheck, Model, keys_unknown
from aiex.clock import instant
from aiex.engine import engine_phrase
from aiex.node.cluster_report import ClusterReport
from aiex.node.credentials import needs_keys
from aiex.node.health import (
    Check,
    Health,
    cluster_check,
    engine_check,
    external_engine_check,
    formation_check,
    hot_check,
    lacking_text,
    load_check,
    local_model_check,
    phase_check,
    views_check,
    worst,
)
from aiex.node.parts import Parts
from aiex.node.supervision import ServiceState
from aiex.node.target_report import target_view
from aiex.node.views.models import ModelListView, ModelView
from aiex.node.views.node import (
    ApiView,
    CheckView,
    EngineView,
    KeysView,
    LocalModelView,
    MemoryView,
    NodeView,
    ServiceView,
    StatusView,
    UrlsView,
)
from aiex.telemetry import resident_bytes


class NodeReport:
    """Answers questions about the node."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.of_cluster = ClusterReport(parts)

    def is_ready(self) -> bool:
        """Whether the node takes new requests now."""
        return worst(self.readiness_checks()) is not Health.FAILED

    def readiness_checks(self) -> list[Check]:
        parts = self._parts
        limit = parts.settings.api.in_flight_max
        load = load_check(parts.api.in_flight_count, limit, parts.intake.gate)
        checks = [phase_check(parts.life.phase), load]
        if parts.cluster.is_formed_here and (formation := parts.cluster.formation) is not None:
            checks.append(formation_check(formation.status(), are_keys_known=parts.keys.is_known))
        elif self._awaits_keys():
            engine = parts.engine.status()
            checks.append(external_engine_check(engine_phrase(engine.state, engine.reason)))
        return [*checks, self._hot_check()]

    def checks(self) -> list[Check]:
        parts = self._parts
        engine, cluster = parts.engine.status(), parts.cluster.view()
        checks = [
            *self.readiness_checks(),
            engine_check(engine.state, engine.reason),
            cluster_check(cluster.stays_out, cluster.split, lacking_text(parts.engine.lacking())),
        ]
        if views := parts.views():
            checks.append(views_check(views))
        if parts.local_model is not None:
            model = parts.local_model.state()
            checks.append(local_model_check(model.state, model.detail))
        return checks

    def _hot_check(self) -> Check:
        hot = self._parts.hot
        return hot_check(hot.refusals(), is_settled=hot.is_settled, is_caught_up=hot.is_caught_up)

    def key_check(self) -> KeyCheck | None:
        """What a request's key is held against; None while no key is asked for.

        Raises a `Refusal` while the keys of the cluster are not known here: nobody gets in before.
        """
        parts = self._parts
        if self._awaits_keys():
            raise keys_unknown()
        return parts.keys.check if self.are_keys_needed() else None

    def _awaits_keys(self) -> bool:
        """Whether keys are kept elsewhere, and what they are was never heard here."""
        parts = self._parts
        is_kept_elsewhere = parts.cluster.is_formed_here or bool(parts.settings.engine.url)
        return is_kept_elsewhere and not parts.keys.is_known

    def are_keys_needed(self) -> bool:
        """Whether `/v1` asks for an API key now."""
        parts = self._parts
        return needs_keys(parts.settings.api, has_ever_held_one=parts.keys.has_ever_held_one)

    def status(self) -> StatusView:
        """The node at a glance."""
        parts, life = self._parts, self._parts.life
        engine = parts.engine.status()
        return StatusView(
            node=NodeView(
                life.name,
                life.version,
                os.getpid(),
                life.phase,
                instant(life.started_at_s),
                round(life.uptime_s, 3),
                platform.python_version(),
                str(parts.data_dir),
            ),
            api=ApiView(
                life.api_url,
                "required" if self.are_keys_needed() else "open",
                parts.api.in_flight_count,
                parts.telemetry.request_count(),
                parts.telemetry.error_count(),
            ),
            engine=EngineView(
                "embedded" if engine.is_embedded else "external",
                engine.state,
                engine.reason,
                engine.server_version,
            ),
            local_model=self._local_model(),
            keys=KeysView(parts.keys.active_count),
            memory=MemoryView(resident_bytes()),
            checks=[CheckView(one.name, one.status, one.reason) for one in self.checks()],
            urls=UrlsView(life.api_url, life.admin_url),
        )

    def models(self) -> ModelListView:
        """The configured models; the first is the one `aiex chat` asks."""
        return ModelListView(
            [
                self._model(model, is_default=position == 0)
                for position, model in enumerate(self._parts.catalogue.weighed())
            ]
        )

    def supervision(self) -> ServiceView:
        """The tree of services as it is now."""
        return self._service(self._parts.supervision())

    def _local_model(self) -> LocalModelView | None:
        if self._parts.local_model is None:
            return None
        model = self._parts.local_model.state()
        return LocalModelView(model.state, model.detail, model.pid)

    def _model(self, model: Model, *, is_default: bool) -> ModelView:
        providers = self._parts.catalogue.providers
        targets = [
            target_view(one, providers[one.provider].kind, self._parts.targets)
            for one in model.targets
        ]
        return ModelView(model.name, targets, list(model.fallbacks), is_default)

    def _service(self, state: ServiceState) -> ServiceView:
        return ServiceView(
            state.name,
            state.kind,
            state.state,
            state.restart_count,
            state.last_error,
            instant(state.since_s),
            round(self._parts.life.seconds_since(state.since_s), 3),
            state.pid,
            state.strategy,
            [self._service(child) for child in state.children],
        )
