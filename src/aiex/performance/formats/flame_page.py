"""One page with a flame graph, of one profile or of two, that needs nothing but a browser.

The page is `flame_page.html` with its style, its script and the data put in. It asks for nothing
(a content security policy forbids it to) and runs no script but its own, whatever names the data
has: they are JSON in an element that is not run, without a character that could end it, and become
text only.
"""

import base64
import hashlib
import html
from importlib import resources
from typing import Any

import msgspec

from aiex.performance.formats.difference import MEANINGS, Difference
from aiex.performance.formats.lost import with_lost
from aiex.performance.profile import Kind, Profile

_TITLES: dict[Kind, str] = {"cpu": "CPU", "wall": "Wall time", "memory": "Memory"}


def flame_page(profile: Profile) -> bytes:
    """A whole page."""
    content = {"profiles": [_content(profile)], "factor": 1.0, "by": ""}
    return _page(f"{_TITLES[profile.kind]} profile", content)


def difference_page(difference: Difference) -> bytes:
    """A whole page, of what is later, coloured by what changed."""
    content = {
        "profiles": [_content(difference.after), _content(difference.before)],
        "factor": difference.factor,
        "by": MEANINGS[difference.by],
    }
    return _page(f"{_TITLES[difference.after.kind]} profiles compared", content)


def _content(profile: Profile) -> dict[str, Any]:
    """Each stack says how many frames it has in common with the one before, which is shorter."""
    profile = with_lost(profile)
    samples: list[tuple[int, tuple[int, ...], int, int, int]] = []
    last: tuple[int, ...] = ()
    for one in sorted(profile.samples, key=lambda sample: sample.stack):
        shared = _shared(last, one.stack)
        samples.append((shared, one.stack[shared:], one.labels, one.weight, one.count))
        last = one.stack
    return {
        "kind": profile.kind,
        "unit": profile.unit,
        "began_at_s": profile.began_at_s,
        "seconds": profile.seconds,
        "notes": profile.notes,
        "frames": profile.frames,
        "labels": profile.labels,
        "samples": samples,
    }


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _page(title: str, content: dict[str, Any]) -> bytes:
    files = resources.files("aiex.performance.formats")
    page, style, script = (
        (files / f"flame_page.{end}").read_text("utf-8") for end in ("html", "css", "js")
    )
    parts = {
        "title": html.escape(title),
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src '{_digest(script)}'",
        "style": style,
        "script": script,
        "data": _inert(msgspec.json.encode(content).decode()),
    }
    # Each place is in the template once; what is put in is not looked at again.
    pieces = page.split("@@")
    return "".join(
        parts[piece] if number % 2 else piece for number, piece in enumerate(pieces)
    ).encode()


def _inert(json_text: str) -> str:
    """The same JSON, without characters that mean something to an HTML parser."""
    for character in "<>&":
        json_text = json_text.replace(character, f"\\u{ord(character):04x}")
    return json_text


def _digest(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
