"""The hot values that a node knew last, kept on its disc for a start without the engine."""

import logging
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import msgspec

from aiex.fastglobal.entry import HotEntry
from aiex.private_file import write_private

_log = logging.getLogger("aiex.fastglobal")


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key's newest entry; and the value in force where that one was refused."""

    revision: int
    entry: HotEntry
    in_force: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_DECODER = msgspec.json.Decoder(dict[str, Remembered])


class HotFile:
    """Read once at the start, written whole after changes, from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._written = 0

    def load(self) -> Mapping[str, Remembered]:
        """What was remembered; a missing or broken file is nothing."""
        try:
            return _DECODER.decode(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            _log.warning(
                "the hot values kept in %s cannot be read (%s); until the engine tells them anew "
                "the settings are in force",
                self._path,
                error,
            )
            return {}

    def write(self, step: int, known: Mapping[str, Remembered]) -> None:
        """Replace it, unless what a later step knew is written already.

        What cannot be written is told and no more: memory has what is right.
        """
        with self._lock:
            if step <= self._written:
                return
            try:
                write_private(self._path, msgspec.json.encode(known))
            except OSError as error:
                _log.warning(
                    "the hot values could not be kept in %s: %s", self._path, error.strerror
                )
            self._written = step
