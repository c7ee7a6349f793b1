"""Names for the providers that a configuration needs: short, stable, fit for a variable's name."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from aiex.litellm.deployment import ProviderDraft
from aiex.litellm.endpoints import ENDPOINTS

_OTHER = re.compile(r"[^a-z0-9]+")


def provider_names(
    drafts: Iterable[ProviderDraft], chosen: Mapping[ProviderDraft, str]
) -> dict[ProviderDraft, str]:
    """A name for each draft, those of `chosen` as they are.

    `openai` is the one at the usual address, `openai-vllm` one at another; numbers tell the rest
    apart.
    """
    names = dict(chosen)
    taken = set(names.values())
    # Who is at the usual address gets the plain name, wherever in the file it is.
    for draft in sorted(drafts, key=lambda one: one.base_url != ENDPOINTS[one.prefix].base_url):
        if draft in names:
            continue
        name = next(name for name in _candidates(draft) if name not in taken)
        names[draft] = name
        taken.add(name)
    return names


def _candidates(draft: ProviderDraft) -> Iterable[str]:
    prefix = _slug(draft.prefix)
    usual = ENDPOINTS[draft.prefix].base_url
    label = _slug((urlsplit(draft.base_url).hostname or "").partition(".")[0])
    has_label = bool(label) and not label.isdigit() and label != "api"
    if draft.base_url == usual or not usual or not has_label:
        yield prefix
    if has_label:
        yield f"{prefix}-{label}"
    number = 2
    while True:
        yield f"{prefix}-{number}"
        number += 1


def _slug(text: str) -> str:
    return _OTHER.sub("-", text.lower()).strip("-")
