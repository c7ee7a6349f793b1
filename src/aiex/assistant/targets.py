"""The state of every target of a node, and the order in which a model's targets are tried."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

from aiex.assistant.breaker import BreakerState
from aiex.assistant.catalogue import Catalogue, Model, Target
from aiex.assistant.events import BreakerTurned
from aiex.assistant.target_choice import (
    busy_load,
    by_load,
    by_two_choices,
    by_weight,
    latency_load,
)
from aiex.assistant.target_state import TargetState
from aiex.clock import Clock
from aiex.events import Emit

# Models of a provider that are asked for by path, without configuration, share one state: their
# names come from clients, and what is kept must not grow with them.
UNNAMED = "*"

_LEVELS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class Targets:
    """Knows each configured target, and for each provider the rest of its models together."""

    def __init__(self, catalogue: Catalogue, *, clock: Clock, random: Random, emit: Emit) -> None:
        self.clock = clock
        self.random = random
        self.emit = emit
        self._catalogue = catalogue
        self._states: dict[str, dict[str, TargetState]] = {
            provider: {UNNAMED: self._new(provider, UNNAMED)} for provider in catalogue.providers
        }
        self._named: list[TargetState] = []
        for model in catalogue.models():
            for target in model.targets:
                if target.model not in self._states[target.provider]:
                    state = self._new(target.provider, target.model)
                    self._states[target.provider][target.model] = state
                    self._named.append(state)

    def state(self, target: Target) -> TargetState:
        states = self._states[target.provider]
        return states.get(target.model) or states[UNNAMED]

    def states(self) -> Sequence[TargetState]:
        """Those of all configured targets, then those that stand for the rest of a provider."""
        return [*self._named, *(states[UNNAMED] for states in self._states.values())]

    def ordered(self, model: Model, *, is_stream: bool) -> Iterator[Target]:
        """The model's targets in the order to try them, each once."""
        targets = model.targets
        if len(targets) == 1:
            return iter(targets)
        if model.choice == "weighted":
            order = by_weight([target.weight for target in targets], self.random)
        elif model.choice == "least_busy":
            loads = [busy_load(self.state(one).cap.in_flight, one.weight) for one in targets]
            order = by_load(loads, self.random)
        else:
            order = by_two_choices([self._latency(one, is_stream) for one in targets], self.random)
        return (targets[position] for position in order)

    def gauges(self) -> dict[str, Callable[[], dict[str, float]]]:
        """What to read of all targets at each scrape, by the metric's name."""

        def of_each(value: Callable[[TargetState], float]) -> Callable[[], dict[str, float]]:
            return lambda: {state.name: value(state) for state in self.states()}

        return {
            "aiex_target_breaker_state": of_each(lambda one: _LEVELS[one.breaker.state]),
            "aiex_target_in_flight": of_each(lambda one: one.cap.in_flight),
            "aiex_target_queue_length": of_each(lambda one: one.cap.queue_len),
        }

    def _latency(self, target: Target, is_stream: bool) -> float:
        state = self.state(target)
        average = state.first_event if is_stream else state.whole
        latency_s = average.latency_s(self.clock.monotonic_s())
        return latency_load(latency_s, state.cap.in_flight, target.weight)

    def _new(self, provider: str, model: str) -> TargetState:
        name = f"{provider}/{model}"
        return TargetState(
            name,
            self._catalogue.providers[provider],
            clock=self.clock,
            random=self.random,
            turned=partial(self._turned, name),
        )

    def _turned(self, name: str, state: BreakerState, reason: str) -> None:
        self.emit(BreakerTurned(name, state.value, reason))
