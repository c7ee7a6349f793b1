"""What a seed gives: the names, the strengths, the traffic, and what is true then.

No I/O beyond reading the faults' own modules.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from examples.trouble.catalogue import BY_KIND
from examples.trouble.disguise import (
    defined_classes,
    defined_functions,
    disguised,
    guest_class,
    renamed,
)
from examples.trouble.fault import Fault, Truth
from examples.trouble.words import Names

SOURCES = Path(__file__).parent / "faults"
BYSTANDERS = 2
KEYS = 4
RATE_PER_S = 120.0
STREAM_RATIO = 0.1
# Providers answer at once here, but not without any latency: no provider does.
LATENCY_MS = 20.0
# A flood meets a node whose places are few, so that taking them all takes from others.
FLOODED_IN_FLIGHT_MAX = 64
FLOODED_LATENCY_MS = 200.0


class Planting(msgspec.Struct, frozen=True):
    """A service to run beside a node's own: its module's text, and what it is given."""

    module: str
    source: str
    class_name: str
    service: str
    arguments: dict[str, float]


class TrafficPlan(msgspec.Struct, frozen=True):
    """Chats at a steady rate over all keys and models, and what one key adds."""

    models: tuple[str, ...]
    keys: tuple[str, ...]
    rate_per_s: float = RATE_PER_S
    stream_ratio: float = STREAM_RATIO
    flooding_key: str = ""
    flood_per_s: float = 0.0


class Plan(msgspec.Struct, frozen=True):
    seed: int
    truths: tuple[Truth, ...]
    plantings: tuple[Planting, ...]
    settings: dict[str, object]  # by section, as a settings file has them
    traffic: TrafficPlan


def drawn_plan(seed: int, kinds: Sequence[str]) -> Plan:
    """A node with these faults, or with none, and bystanders who have done nothing."""
    random = Random(f"{seed} {' '.join(kinds)}")
    names = Names(random)
    draw = _Drawing(random, names)
    truths = [draw.fault(BY_KIND[kind]) for kind in kinds]
    for _ in range(BYSTANDERS):
        draw.bystander()
    random.shuffle(draw.plantings)
    return Plan(seed, tuple(truths), tuple(draw.plantings), draw.settings(), draw.traffic())


class _Drawing:
    def __init__(self, random: Random, names: Names) -> None:
        self._random = random
        self._names = names
        self.plantings: list[Planting] = []
        self._providers = {names.word(): _mock(), names.word(): _mock()}
        self._keys = tuple(names.word() for _ in range(KEYS))
        self._flood: tuple[str, float] = ("", 0.0)

    def fault(self, fault: Fault) -> Truth:
        strengths = {
            name: round(self._random.uniform(range_.least, range_.most), 3)
            for name, range_ in fault.strengths.items()
        }
        match fault.place:
            case "guest":
                return self._guest(fault, strengths)
            case "provider":
                mentions = self._random.choice(list(self._providers))
                self._providers[mentions] |= _provider_fault(strengths)
            case "client":
                mentions = self._random.choice(self._keys)
                self._flood = (mentions, strengths["rate_per_s"])
        return Truth(fault.kind, fault.causes, (), "", strengths, mentions, fault.matters)

    def bystander(self) -> None:
        arguments = {
            "every_s": round(self._random.uniform(0.05, 0.5), 3),
            "work": float(self._random.randrange(100, 4000)),
        }
        self._plant("bystander", arguments)

    def settings(self) -> dict[str, object]:
        providers = dict(self._providers)
        api: dict[str, object] = {}
        if self._flood[0]:
            providers = {
                name: one | {"latency_ms": FLOODED_LATENCY_MS} for name, one in providers.items()
            }
            api["in_flight_max"] = FLOODED_IN_FLIGHT_MAX
        models = {f"chat-{name}": {"targets": [{"provider": name}]} for name in providers}
        return {"providers": providers, "models": models, "api": api}

    def traffic(self) -> TrafficPlan:
        models = tuple(f"chat-{name}" for name in self._providers)
        key, rate_per_s = self._flood
        return TrafficPlan(models, self._keys, flooding_key=key, flood_per_s=rate_per_s)

    def _guest(self, fault: Fault, strengths: dict[str, float]) -> Truth:
        planting, names = self._plant(fault.kind, strengths)
        functions = tuple(
            f"{planting.module}:{renamed(function, names)}" for function in fault.functions
        )
        mentions = "" if functions else planting.service
        return Truth(
            fault.kind,
            fault.causes,
            functions,
            planting.service,
            strengths,
            mentions,
            fault.matters,
        )

    def _plant(self, kind: str, arguments: dict[str, float]) -> tuple[Planting, dict[str, str]]:
        source = (SOURCES / f"{kind}.py").read_text()
        names = {old: self._names.class_name() for old in defined_classes(source)}
        names |= {old: self._names.function() for old in defined_functions(source)}
        planting = Planting(
            self._names.module(),
            disguised(source, names),
            names[guest_class(source)],
            self._names.service(),
            arguments,
        )
        self.plantings.append(planting)
        return planting, names


def _mock() -> dict[str, object]:
    return {"kind": "mock", "latency_ms": LATENCY_MS, "tokens_per_s": 200.0}


def _provider_fault(strengths: dict[str, float]) -> dict[str, object]:
    faults = {name: value for name, value in strengths.items() if name.endswith("_ratio")}
    return {"faults": faults} if faults else dict(strengths)
