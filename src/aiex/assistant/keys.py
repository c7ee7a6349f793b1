"""API keys: who may ask. Kept hashed in a table, viewed on every node, checked in memory.

A key is `sk-aiex-<id>-<secret>`: 12 hex digits that name it in lists and logs, 256 random bits.
Only the SHA-256 of the whole is kept. A slow password hash would protect nothing here: with 256
random bits there is nothing to guess (NIST SP 800-63B, section 5.1.1.2, asks for slow hashes where
people choose the secret).
"""

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from aiex.assistant.limits import KeyLimits
from aiex.store import Table

PREFIX = "sk-aiex-"
# The id of the key that is in the settings.
SETTING = "setting"
_ID_DIGITS = 12
_ID_END = len(PREFIX) + _ID_DIGITS
NO_KEY_LIMITS = KeyLimits()


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key. Instants are RFC 3339 in UTC."""

    id: str
    name: str
    digest: str
    created_at: str
    created_by: str = ""
    revoked_at: str | None = None
    limits: KeyLimits = NO_KEY_LIMITS

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None

    def revoked(self, at: str) -> "KeyRecord":
        """The record of the same key, no longer accepted."""
        return msgspec.structs.replace(self, revoked_at=at)

    def limited(self, limits: KeyLimits) -> "KeyRecord":
        """The record of the same key under other limits."""
        return msgspec.structs.replace(self, limits=limits)


def new_key(
    name: str, *, at: str, by: str, limits: KeyLimits = NO_KEY_LIMITS
) -> tuple[str, KeyRecord]:
    """A fresh key, to be shown once, and the record to keep."""
    key_id = secrets.token_hex(_ID_DIGITS // 2)
    key = f"{PREFIX}{key_id}-{secrets.token_urlsafe(32)}"
    record = KeyRecord(
        id=key_id, name=name, digest=_digest(key), created_at=at, created_by=by, limits=limits
    )
    return key, record


def key_in(authorization: str | None, x_api_key: str | None) -> str:
    """The key a request carries, as OpenAI's clients or as Anthropic's send it; empty if none."""
    if authorization is not None and authorization[:7].lower() == "bearer ":
        return authorization[7:].strip()
    return x_api_key or ""


KEYS = Table("keys", row=KeyRecord, key=("id",), view="everywhere", sensitive=("digest",))


class KeyCheck:
    """Says whose key it is. A snapshot: the ring of keys makes a new one with every change."""

    __slots__ = ("_digest_of_setting", "_records")

    def __init__(self, records: Mapping[str, KeyRecord], key_of_setting: str | None) -> None:
        self._records = records
        self._digest_of_setting = _digest(key_of_setting) if key_of_setting else ""

    def key_id(self, key: str) -> str:
        """The id of an accepted key, else an empty string.

        The id is public and looked up plainly; the secret is compared in constant time. An unknown
        id compares too, so that its answer takes as long.
        """
        digest = _digest(key)
        record = self._records.get(key[len(PREFIX) : _ID_END])
        expected = record.digest if record is not None else _NOBODY
        if hmac.compare_digest(digest, expected) and record is not None and record.is_active:
            return record.id
        if self._digest_of_setting and hmac.compare_digest(digest, self._digest_of_setting):
            return SETTING
        return ""


def _digest(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


_NOBODY = _digest("")
