"""What a provider's `Retry-After` header says, in seconds from now.

Both forms of RFC 9110 (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3): seconds, and the
three forms of HTTP dates. Fractions of seconds, which the RFC does not know, are in use too.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"\d{1,9}(\.\d{0,9})?", re.ASCII)
# Longer than any date is written.
_TEXT_CHARS_MAX = 40


def retry_after_s(text: str, *, wall_s: float) -> float | None:
    """Seconds to wait, 0 for what is past; None when the header is absent or makes no sense."""
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    if not text or len(text) > _TEXT_CHARS_MAX or not text.isascii():
        return None
    try:
        at = parsedate_to_datetime(text)
        # A date without a zone is in GMT, as all HTTP dates are.
        at_s = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0.0, at_s - wall_s)
