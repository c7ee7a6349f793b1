"""In which order a request tries its targets: by weight, each once, then the fallbacks."""

from collections.abc import Iterator
from random import Random

from aiex.assistant.catalogue import Catalogue, Model, Target

# A request may have several models to fall back to, each with several targets. More attempts than
# this keep a client waiting for what a first answer with an error would tell it sooner.
ATTEMPTS_MAX = 6


def attempts(model: Model, catalogue: Catalogue, random: Random) -> Iterator[Target]:
    """The targets to try, at most `ATTEMPTS_MAX`; none is tried twice.

    Lazy: the common case draws one target and never looks at the rest.
    """
    tried: set[str] = set()
    for name in (model.name, *model.fallbacks):
        candidates = model if name == model.name else catalogue.model(name)
        for target in _by_weight(candidates.targets, random):
            if len(tried) >= ATTEMPTS_MAX:
                return
            if target.name not in tried:
                tried.add(target.name)
                yield target


def _by_weight(targets: tuple[Target, ...], random: Random) -> Iterator[Target]:
    if len(targets) == 1:
        yield targets[0]
        return
    left = list(targets)
    while left:
        target = random.choices(left, [candidate.weight for candidate in left])[0]
        left.remove(target)
        yield target
