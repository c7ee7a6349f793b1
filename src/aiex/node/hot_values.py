"""The hot values of a node: what of it can be changed while it runs, on all nodes by one call.

The settings give the defaults; a hot value is in force until it is reset. All of them take effect
at once, and none costs a request anything: what requests read is made anew when a value changes.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from aiex.assistant import Catalogue, KeyRing, default_limits
from aiex.fastglobal import FastGlobal, Schema
from aiex.settings import LimitsSettings, Settings, conflicts
from aiex.telemetry import Telemetry, log_from

# A node that is told to stop is waited for by people and by Kubernetes.
DRAIN_S_MAX = 3600

type Weight = Annotated[float, Meta(ge=0, le=1e9)]
type Weights = Mapping[str, Mapping[str, Weight]]


class HotValues(msgspec.Struct, frozen=True, kw_only=True):
    """Each key with the setting that it overrides."""

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Least severe level logged.", extra={"setting": "log.level"}),
    ]
    access_log: Annotated[
        bool, Meta(description="Write one line per API request.", extra={"setting": "log.access"})
    ]
    default_limits: Annotated[
        LimitsSettings,
        Meta(
            description="Limits of keys that say nothing; its parts change together.",
            extra={"setting": "limits"},
        ),
    ]
    target_weights: Annotated[
        Weights,
        Meta(
            description="By model, the weights of its targets (`provider/model`); a target of "
            "weight 0 gets no requests. Models and targets that are left out stay as configured.",
            extra={"setting": "models"},
        ),
    ] = {}
    drain_deadline_s: Annotated[
        float,
        Meta(
            ge=0,
            le=DRAIN_S_MAX,
            description="How long requests and streams in flight may take to finish on a stop.",
            extra={"setting": "node.drain_deadline_s"},
        ),
    ]
    propagation_delay_s: Annotated[
        float,
        Meta(
            ge=0,
            le=DRAIN_S_MAX,
            description="How long a node that is told to stop serves on, so that load balancers "
            "notice.",
            extra={"setting": "node.propagation_delay_s"},
        ),
    ]


def hot_schema(settings: Settings, catalogue: Catalogue) -> Schema[HotValues]:
    """The keys with their defaults of these settings, checked against what this node has."""
    defaults = HotValues(
        log_level=settings.log.level,
        access_log=settings.log.access,
        default_limits=settings.limits,
        drain_deadline_s=settings.node.drain_deadline_s,
        propagation_delay_s=settings.node.propagation_delay_s,
    )

    def check(key: str, value: Any) -> str:
        match key:
            case "target_weights":
                return weights_objection(value, catalogue)
            case "default_limits":
                changed = msgspec.structs.replace(settings, limits=value)
                found = (text for path, text in conflicts(changed) if path[0] == "limits")
                return next(found, "")
            case _:
                return ""

    return Schema(HotValues, defaults, check=check)


def weights_objection(weights: Weights, catalogue: Catalogue) -> str:
    """Why these cannot be the weights here: no such model or target, or none that is left."""
    models = {model.name: model for model in catalogue.configured()}
    for name, of_targets in weights.items():
        if name not in models:
            return f"there is no model '{name}'{_near(name, models)}"
        configured = {target.name: target.weight for target in models[name].targets}
        for target in of_targets:
            if target not in configured:
                return f"'{name}' has no target '{target}'{_near(target, configured)}"
        if not any((configured | dict(of_targets)).values()):
            return f"no target of '{name}' would be left: all weights are 0"
    return ""


def apply_hot_values(
    hot: FastGlobal[HotValues], telemetry: Telemetry, keys: KeyRing, catalogue: Catalogue
) -> None:
    """Let the parts follow the values from now on; the drain asks for its own when it begins."""
    hot.bind("log_level", log_from)
    hot.bind("access_log", telemetry.write_access_log)
    hot.bind("default_limits", lambda limits: keys.default_to(default_limits(limits)))
    hot.bind("target_weights", catalogue.reweigh)


def overridden(hot: FastGlobal[HotValues], catalogue: Catalogue) -> Iterator[tuple[str, Any, str]]:
    """Each setting that has another value now, with it and with the key that gave it."""
    for key in hot.schema.keys.values():
        value = hot.value(key.name)
        if key.name == "target_weights":
            yield from _overridden_weights(value, catalogue)
        elif isinstance(value, msgspec.Struct):
            for field in value.__struct_fields__:
                if getattr(value, field) != getattr(key.default, field):
                    yield f"{key.setting}.{field}", getattr(value, field), key.name
        elif value != key.default:
            yield key.setting, value, key.name


def _overridden_weights(weights: Weights, catalogue: Catalogue) -> Iterator[tuple[str, Any, str]]:
    for model in catalogue.configured():
        own = weights.get(model.name, {})
        for position, target in enumerate(model.targets):
            if own.get(target.name, target.weight) != target.weight:
                path = f"models.{model.name}.targets.{position}.weight"
                yield path, own[target.name], "target_weights"


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'" if near else f"; there are {', '.join(known)}"
