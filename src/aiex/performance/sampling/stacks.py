"""All distinct stacks that were seen, each kept once under a small number, its place.

A key holds the identities of code objects and not the objects, whose hash is that of their bytecode
and takes longer than all the rest. The objects are kept, so that no other can get their identity.

Bounds: `FRAMES_MAX` functions and `STACKS_MAX` stacks. What comes beyond is put under one stack of
one frame, `OTHER`. A stack of 30 frames takes about half a kilobyte.
"""

from collections.abc import Collection, Sequence
from types import CodeType, FrameType

from aiex.performance.profile import Frame
from aiex.performance.sampling.await_chain import LOOP_CODE
from aiex.work import NOBODY, Work

FRAMES_MAX = 16_384
STACKS_MAX = 16_384
OTHER = Frame("(other)")
OTHER_PLACE = 0
LOOP = "(event loop)"

type Key = tuple[Work, *tuple[int, ...]]


class _Function:
    """A code object with what is told of it; `id` is the one number object that all keys share."""

    __slots__ = ("code", "frame", "id")

    def __init__(self, frame: FrameType) -> None:
        self.code: CodeType = frame.f_code
        self.id = id(self.code)
        name = f"{frame.f_globals.get('__name__', '?')}:{self.code.co_qualname}"
        if self.code is LOOP_CODE:
            name = LOOP
        self.frame = Frame(name, self.code.co_filename, self.code.co_firstlineno)


class Stacks:
    """Asked for places in a signal handler, so it reads and writes in single steps."""

    def __init__(self, frames_max: int = FRAMES_MAX, stacks_max: int = STACKS_MAX) -> None:
        self._frames_max = frames_max
        self._stacks_max = stacks_max
        self._functions: dict[int, _Function] = {}
        self._places: dict[Key, int] = {}
        self._keys: list[Key | None] = [(NOBODY,)]
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._places)

    def place(self, frames: Sequence[FrameType], work: Work) -> int:
        """Of a stack, innermost call first, on behalf of `work`; `OTHER_PLACE` when all is full."""
        key: Key = (work, *[id(frame.f_code) for frame in frames])
        place = self._places.get(key)
        return self._added(frames, work) if place is None else place

    def work(self, place: int) -> Work:
        key = self._keys[place]
        assert key is not None, "nobody asks for a place that was freed"
        return key[0]

    def frames(self, place: int) -> list[Frame]:
        """Innermost call first."""
        if place == OTHER_PLACE:
            return [OTHER]
        key = self._keys[place]
        assert key is not None, "nobody asks for a place that was freed"
        return [self._functions[one].frame for one in key[1:]]

    def places(self) -> list[int]:
        """All that are taken, but for that of what has none."""
        return list(self._places.values())

    def free(self, places: Collection[int]) -> None:
        """Forget these stacks; their places go to others."""
        for place in places:
            key = self._keys[place]
            if key is not None and place != OTHER_PLACE:
                del self._places[key]
                self._keys[place] = None
                self._free.append(place)

    def _added(self, frames: Sequence[FrameType], work: Work) -> int:
        if len(self._places) >= self._stacks_max:
            return OTHER_PLACE
        functions = []
        for frame in frames:
            function = self._functions.get(id(frame.f_code))
            if function is None:
                if len(self._functions) >= self._frames_max:
                    return OTHER_PLACE
                function = _Function(frame)
                self._functions[function.id] = function
            functions.append(function)
        key: Key = (work, *[function.id for function in functions])
        if self._free:
            place = self._free.pop()
            self._keys[place] = key
        else:
            place = len(self._keys)
            self._keys.append(key)
        self._places[key] = place
        return place
