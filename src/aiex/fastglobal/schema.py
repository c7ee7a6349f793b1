"""Which hot values there are: the fields of a frozen Struct, with bounds and defaults."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import inspect

from aiex.errors import HotKeyUnknown, HotValueInvalid
from aiex.fastglobal.freezing import freezing, objection, thawed
from aiex.settings import expectation, meant

# More than any setting is, and little beside what a message of the engine may be. What grows with
# the use of a system is for tables.
VALUE_BYTES_MAX = 256 * 1024
SHOWN_CHARS_MAX = 80

type Check = Callable[[str, Any], str]

_ENCODER = msgspec.json.Encoder(enc_hook=thawed)
_LEAVES = (
    inspect.BoolType,
    inspect.IntType,
    inspect.FloatType,
    inspect.LiteralType,
    inspect.StrType,
)


class HotKey(msgspec.Struct, frozen=True):
    """One key: its type with bounds, what it is without a hot value, what it means."""

    name: str
    shape: Any
    default: Any
    meaning: str
    setting: str  # that it overrides, or the section; empty when it overrides none


class Schema[S: msgspec.Struct]:
    """The keys of `shape`.

    `check` says why a value that has the right type is wrong all the same, or nothing. `defaults`
    are in force where no hot value is; without them those of `shape` are.
    """

    def __init__(
        self, shape: type[S], defaults: S | None = None, *, check: Check = lambda *_: ""
    ) -> None:
        """Raises `TypeError` for a field whose values could be changed by whoever reads them."""
        defaults = defaults if defaults is not None else shape()
        self.shape = shape
        self.keys: dict[str, HotKey] = {}
        self._check = check
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        self._freeze: dict[str, Callable[[Any], Any]] = {}
        for field in msgspec.structs.fields(shape):
            if why := objection(field.type):
                raise TypeError(f"{shape.__name__}.{field.name}: {why}")
            meaning, setting = _told(field.type)
            self._decoders[field.name] = msgspec.json.Decoder(field.type)
            self._freeze[field.name] = freezing(field.type)
            default = self._freeze[field.name](getattr(defaults, field.name))
            self.keys[field.name] = HotKey(field.name, field.type, default, meaning, setting)

    def defaults(self) -> dict[str, Any]:
        return {name: key.default for name, key in self.keys.items()}

    def key(self, name: str) -> HotKey:
        """Raises `HotKeyUnknown` with the nearest one there is."""
        if name not in self.keys:
            near = get_close_matches(name[:SHOWN_CHARS_MAX], self.keys, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(self.keys)}."
            raise HotKeyUnknown(f"There is no hot value '{name[:SHOWN_CHARS_MAX]}'. {hint}")
        return self.keys[name]

    def encoded(self, name: str, value: Any) -> bytes:
        """The value as JSON, known to be right; raises `HotValueInvalid` or `HotKeyUnknown`."""
        self.key(name)
        try:
            raw = _ENCODER.encode(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise HotValueInvalid(f"{name}: {error}.") from error
        self.value(name, raw)
        return raw

    def value(self, name: str, raw: bytes | msgspec.Raw) -> Any:
        """The frozen value of this JSON; raises `HotValueInvalid`. May be called in a thread."""
        key = self.keys[name]
        if len(bytes(raw)) > VALUE_BYTES_MAX:
            raise HotValueInvalid(
                f"{name}: it has more than {VALUE_BYTES_MAX:,} bytes; a table is for such."
            )
        try:
            value = self._decoders[name].decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HotValueInvalid(f"{name}: {_expected(key.shape, bytes(raw), error)}.") from error
        if why := self._check(name, value):
            raise HotValueInvalid(f"{name}: {why}.")
        return self._freeze[name](value)

    def of_text(self, name: str, text: str) -> Any:
        """What somebody wrote on a command line: JSON where it is a list or an object.

        What does not fit is given as the text it is, for `encoded` to say why.
        """
        key = self.key(name)
        if text[:1] in ("{", "["):
            try:
                return msgspec.json.decode(text)
            except msgspec.DecodeError as error:
                raise HotValueInvalid(f"{name}: no JSON: {error}.") from error
        try:
            return msgspec.convert(text, key.shape, strict=False)
        except msgspec.ValidationError:
            return text

    def with_part(self, name: str, value: Any, part: str, new: Any) -> Any:
        """The value with one of its fields, or what it has under that name, replaced."""
        whole = msgspec.json.decode(_ENCODER.encode(value))
        if not isinstance(whole, Mapping):
            raise HotValueInvalid(f"{name}: it has no parts; set all of it.")
        if isinstance(value, msgspec.Struct) and part not in value.__struct_fields__:
            near = get_close_matches(part, value.__struct_fields__, n=1)
            names = ", ".join(value.__struct_fields__)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {names}."
            raise HotValueInvalid(f"{name}: it has no '{part}'; {hint}")
        return {**whole, part: new}


def plain(value: Any) -> Any:
    """A frozen value as JSON has it."""
    return msgspec.json.decode(_ENCODER.encode(value))


def shown(value: Any, chars_max: int = SHOWN_CHARS_MAX) -> str:
    """A value in a line of text."""
    text = value if isinstance(value, str) else _ENCODER.encode(value).decode()
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"


def _told(shape: Any) -> tuple[str, str]:
    """What the annotations of a field say: its meaning, and the setting that it overrides."""
    meaning = setting = ""
    for meta in getattr(shape, "__metadata__", ()):
        if isinstance(meta, msgspec.Meta):
            meaning = meta.description or meaning
            setting = str((meta.extra or {}).get("setting", setting))
    return meaning, setting


def _expected(shape: Any, raw: bytes, error: Exception) -> str:
    """What is wrong with this JSON, in words."""
    info = inspect.type_info(shape)
    leaf = info.type if isinstance(info, inspect.Metadata) else info
    if not isinstance(leaf, _LEAVES):
        # "Expected `int`, got `str` - at `$.concurrency`"
        what, _, where = str(error).replace("`", "").partition(" - at ")
        place = where.removeprefix("$").removeprefix(".")
        what = what[:1].lower() + what[1:]
        return f"{what} (at {place})" if place else what
    given = raw.decode(errors="replace")
    try:
        decoded = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        decoded = given
    near = meant(shape, decoded)
    hint = f"; did you mean '{near}'?" if near else ""
    return f"expected {expectation(shape)} (it is {given[:SHOWN_CHARS_MAX]}){hint}".rstrip(".?")
