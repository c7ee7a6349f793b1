"""Takes a stream away from those who write to it, and gives it back: its subjects are moved away.

What is stored stays as it is, under the subjects it was stored with. A fenced stream remembers its
subjects in its metadata, so whoever finds it can give it back.
"""

import json
from collections.abc import Mapping
from typing import Any

from aiex.engine.jetstream import JetStream
from aiex.engine.stream_info import StreamInfo

_SUBJECTS = "aiex.subjects"
_FENCED_BY = "aiex.fenced_by"


async def fence(jetstream: JetStream, name: str, *, by: str) -> StreamInfo:
    """The stream, which takes no more writes; once more is no harm. Raises `StreamMissing` too.

    `by` is the id of the move that needs it.
    """
    stream = await jetstream.stream(name)
    if fenced_by(stream.config) != by:
        await jetstream.update_stream(name, fenced_config(stream.config, by))
    return await jetstream.stream(name)


async def lift_fence(jetstream: JetStream, stream: StreamInfo, *, by: str) -> bool:
    """Whether that move had fenced the stream; it takes writes again."""
    if not by or fenced_by(stream.config) != by:
        return False
    await jetstream.update_stream(stream.name, open_config(stream.config))
    return True


def fenced_by(config: Mapping[str, Any]) -> str:
    """The id of the move that fenced a stream; empty for one that takes writes."""
    return str((config.get("metadata") or {}).get(_FENCED_BY, ""))


def fenced_config(config: Mapping[str, Any], by: str) -> dict[str, Any]:
    opened = open_config(config)
    told = {_SUBJECTS: json.dumps(opened["subjects"]), _FENCED_BY: by}
    metadata = {**(opened.get("metadata") or {}), **told}
    return {**opened, "subjects": [f"aiex_fenced.{config['name']}"], "metadata": metadata}


def open_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """As it was before it was fenced."""
    metadata = dict(config.get("metadata") or {})
    metadata.pop(_FENCED_BY, None)
    subjects = metadata.pop(_SUBJECTS, None)
    if subjects is None:
        return dict(config)
    return {**config, "subjects": json.loads(subjects), "metadata": metadata}
