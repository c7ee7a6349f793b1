"""Which value of each key is in force on this node, and why. Nothing here waits or sends."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from aiex.errors import HotValueInvalid
from aiex.events import Emit
from aiex.fastglobal.entry import HotEntry, trial_left_s, wanted
from aiex.fastglobal.events import HotValueChanged, HotValueRefused
from aiex.fastglobal.hot_file import Remembered
from aiex.fastglobal.namespace import namespace
from aiex.fastglobal.schema import Schema, shown

type Apply = Callable[[Any], None]


class Held(msgspec.Struct, frozen=True):
    """What is known of a key: its newest entry, and why that is not in force if it is not."""

    entry: HotEntry
    revision: int
    refusal: str = ""
    step: int = 0  # grows with every change of any key on this node


class HotChange(msgspec.Struct, frozen=True):
    """A key has another value."""

    key: str
    value: Any
    revision: int


class InForce[S: msgspec.Struct]:
    """The values by key; `ns` is what they are read from.

    A key is taken whole or not at all. Keys that the schema does not have are those of another
    release: they are kept, so that they are there when this node is that release, and ignored.
    """

    def __init__(self, schema: Schema[S], node: str, emit: Emit) -> None:
        self._schema = schema
        self._node = node
        self._emit = emit
        self._held: dict[str, Held] = {}
        self._values = schema.defaults()
        self._raws: dict[str, msgspec.Raw] = {}
        self._changed: dict[str, HotChange] = {}
        self._changed_at: dict[str, int] = {}
        self._bound: dict[str, list[Apply]] = {}
        ns, self._setters = namespace(schema.shape.__name__, self._values)
        self.ns = cast("S", ns)
        self.step = 0

    def held(self, key: str) -> Held | None:
        return self._held.get(key)

    def entry_keys(self) -> list[str]:
        """Those that the engine has an entry of, known to this release or not."""
        return list(self._held)

    def value(self, key: str) -> Any:
        return self._values[key]

    def refusals(self) -> dict[str, str]:
        """Why the newest value of a key is not in force, by key."""
        return {key: one.refusal for key, one in self._held.items() if one.refusal}

    def wanted(self, key: str, wall_s: float) -> msgspec.Raw | None:
        """What is to be in force, as JSON; None: the default."""
        held = self._held.get(key)
        return None if held is None else wanted(held.entry, self._node, wall_s)

    def is_on_trial(self, key: str, wall_s: float) -> bool:
        """Whether this node tries a value of the key that others do not have."""
        return self.trial_left_s(key, wall_s) > 0

    def trial_left_s(self, key: str, wall_s: float) -> float:
        held = self._held.get(key)
        return 0.0 if held is None else trial_left_s(held.entry, self._node, wall_s)

    def bind(self, key: str, apply: Apply) -> None:
        """Call `apply` with the value now, and at once whenever it is another one."""
        self._schema.key(key)
        self._bound.setdefault(key, []).append(apply)
        apply(self._values[key])

    def changes_since(self, step: int) -> list[HotChange]:
        """What has another value than at that step, each key once, in order of its last change."""
        newer = [(at, key) for key, at in self._changed_at.items() if at > step]
        return [self._changed[key] for _, key in sorted(newer)]

    # What is taken in.

    def load(self, remembered: Mapping[str, Remembered], wall_s: float) -> None:
        """Begin with what was known in an earlier life."""
        for key, one in remembered.items():
            self._hold(key, one.entry, one.revision)
            if key not in self._schema.keys:
                continue
            raw = wanted(one.entry, self._node, wall_s)
            try:
                self.adopt(key, raw, self.read(key, raw), wall_s)
            except HotValueInvalid as error:
                self._fall_back(key, one.in_force)
                self.refuse(key, str(error))

    def read(self, key: str, raw: msgspec.Raw | None) -> Any:
        """The value of that JSON, or the default; raises `HotValueInvalid`. Thread-safe."""
        return self._schema.keys[key].default if raw is None else self._schema.value(key, raw)

    def hold(self, key: str, entry: HotEntry | None, revision: int) -> bool:
        """Take note of a newer entry; whether its value is to be read and adopted next."""
        before = self._held.get(key)
        self._hold(key, entry or (before.entry if before else _NOTHING), revision)
        if key not in self._schema.keys:
            return False
        if entry is None:
            self.refuse(key, f"{key}: this release cannot read the entry")
        return entry is not None

    def adopt(self, key: str, raw: msgspec.Raw | None, value: Any, wall_s: float) -> None:
        """Put a value in force that was read of `raw`."""
        held = self._held[key]
        self._held[key] = msgspec.structs.replace(held, refusal="")
        if raw is None:
            self._raws.pop(key, None)
        else:
            self._raws[key] = msgspec.Raw(bytes(raw))
        if not self._replace(key, value, held.revision):
            return
        what = held.entry.what
        if held.entry.trial is not None and self._node in held.entry.trial.nodes:
            what = "canary" if self.is_on_trial(key, wall_s) else "canary over"
        by = held.entry.by
        self._emit(HotValueChanged(key, shown(value, 200), held.revision, what, by))

    def forget(self, key: str, revision: int) -> None:
        """The engine has no entry of it any more: the default is in force."""
        del self._held[key]
        self._raws.pop(key, None)
        self.step += 1
        if key not in self._schema.keys:
            return
        default = self._schema.keys[key].default
        if self._replace(key, default, revision):
            self._emit(HotValueChanged(key, shown(default, 200), revision, "gone", ""))

    def refuse(self, key: str, reason: str) -> None:
        """The newest entry is not taken: what was in force stays."""
        held = self._held[key]
        self._held[key] = msgspec.structs.replace(held, refusal=reason)
        self.step += 1
        self._emit(HotValueRefused(key, held.revision, reason))

    def remembered(self) -> dict[str, Remembered]:
        """All that a later life has to know."""
        return {
            key: Remembered(
                one.revision,
                one.entry,
                self._raws.get(key, msgspec.UNSET) if one.refusal else msgspec.UNSET,
            )
            for key, one in self._held.items()
        }

    def _hold(self, key: str, entry: HotEntry, revision: int) -> None:
        self.step += 1
        self._held[key] = Held(entry, revision, step=self.step)

    def _fall_back(self, key: str, raw: msgspec.Raw | msgspec.UnsetType) -> None:
        """To the value that was in force in the earlier life, if it still is one."""
        if raw is msgspec.UNSET:
            return
        try:
            value = self._schema.value(key, raw)
        except HotValueInvalid:
            return
        self._raws[key] = msgspec.Raw(bytes(raw))
        self._replace(key, value, self._held[key].revision)

    def _replace(self, key: str, value: Any, revision: int) -> bool:
        """Whether it is another value than before."""
        self.step += 1
        if value == self._values[key] and type(value) is type(self._values[key]):
            return False
        self._values[key] = value
        self._setters[key](value)
        self._changed[key] = HotChange(key, value, revision)
        self._changed_at[key] = self.step
        for apply in self._bound.get(key, ()):
            apply(value)
        return True


_NOTHING = HotEntry(what="reset")
