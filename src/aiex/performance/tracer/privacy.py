"""What of values may be seen: by the name under which they come, and by whose code they are in.

Two things are never shown, however one asks: secrets, and what people write and are answered. No
program can tell a message from a label by looking at it, so in code that requests pass through text
is shown only under a name that says it is a label, and only if it looks like one. What may not be
shown may not be asked for by a condition either, or it could be guessed bit by bit.
"""

import re
import sys
from enum import Enum, auto
from functools import lru_cache


class Privacy(Enum):
    SECRET = auto()
    CONTENT = auto()  # may be a message: numbers are shown, of all else type and length
    LABEL = auto()
    UNKNOWN = auto()


NAME_CHARS_MAX = 64
TEXT_CHARS_MAX = 120


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words of a name; plurals count too. One of these words anywhere in it is enough.
SECRET_WORDS = _words(
    "apikey auth authorization authorisation bearer certificate cookie credential digest "
    "fingerprint hmac jwt key nonce otp passphrase passwd password pem pin private salt secret "
    "signature token tls"
)
CONTENT_WORDS = _words(
    "answer argument attachment audio body buffer caption chunk comment completion content "
    "data delta description document embedding frame header history image input instruction "
    "item line memory message metadata note output paragraph param payload piece prompt "
    "query question raw reasoning reply sentence stop suffix summary system text thought "
    "title"
)
LABEL_WORDS = _words(
    "code count family finish format host id index kind language level limit method mode model "
    "name node number object operation order outcome path phase port position priority provider "
    "reason region role route seat service size state status target thread tier type unit variant "
    "verb version zone"
)
# Of a document that a client wrote any field may hold what people write, but for these.
DOCUMENT_LABELS = _words("model object role status type")
# Where requests pass through: of Aiex these parts, and every library, which serves them all.
CARRIERS = (
    "aiex.assistant",
    "aiex.cluster",
    "aiex.engine",
    "aiex.fastglobal",
    "aiex.node",
    "aiex.settings",
    "aiex.store",
    "aiex.telemetry",
    "aiex.testing",
)
LIBRARY_DIRECTORIES = ("/site-packages/", "/dist-packages/")

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Whatever it comes under: schemes of credentials, keys of providers and of Aiex, tokens, private
# keys, addresses and queries with a password in them, and what is as long as a random key.
_CREDENTIAL = re.compile(
    r"(bearer|basic|digest)\s+\S|\b(sk|pk|rk|ghp|xox[a-z])[-_]|\beyJ|-----BEGIN|://[^/\s]*@|"
    r"(key|token|secret|passw(or)?d|signature|sig|auth)\s*[=:]|[\w+/-]{32}",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[\w.:/@+\-]{0,64}")


@lru_cache(maxsize=4096)
def privacy_of(name: str) -> Privacy:
    """Secret before content before label: `prompt_key` is a secret, `message_id` is content.

    The last word alone makes a label, since it says what the thing is: `model_name`.
    """
    if len(name) > NAME_CHARS_MAX:
        return Privacy.UNKNOWN
    words = [word.lower() for word in _WORD.findall(name)]
    singular = {word.removesuffix("s") for word in words} | set(words)
    # Tokens in the plural are what models count.
    secret = singular - {"token"} if "token" not in words else singular
    if secret & SECRET_WORDS or "".join(words) in SECRET_WORDS:
        return Privacy.SECRET
    if singular & CONTENT_WORDS or "tokens" in words:
        return Privacy.CONTENT
    if words and {words[-1], words[-1].removesuffix("s")} & LABEL_WORDS:
        return Privacy.LABEL
    return Privacy.UNKNOWN


def is_carrier(module: str, file: str) -> bool:
    """Whether requests pass through code of this module, so that its texts may be contents."""
    root = module.partition(".")[0]
    if root == "aiex":
        return any(module == one or module.startswith(f"{one}.") for one in CARRIERS)
    return root in sys.stdlib_module_names or any(one in file for one in LIBRARY_DIRECTORIES)


def may_be_seen(text: str, privacy: Privacy, *, is_carried: bool) -> bool:
    """Whether this text, which came under a name of that privacy, may be shown and compared."""
    if privacy in (Privacy.SECRET, Privacy.CONTENT) or len(text) > TEXT_CHARS_MAX:
        return False
    if is_carried and (privacy is not Privacy.LABEL or _LABEL.fullmatch(text) is None):
        return False
    return _CREDENTIAL.search(text) is None
