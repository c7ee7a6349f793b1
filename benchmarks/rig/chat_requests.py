"""The files that the load generator reads its requests from, and the loads made of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rig import chat
from rig.load import Load

# So many clients keep a core busy, each waiting for its answer before it asks again.
CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Requests:
    json: Path
    stream: Path

    @classmethod
    def written(cls, directory: Path) -> Self:
        requests = cls(directory / "request.json.http", directory / "request.stream.http")
        requests.json.write_bytes(chat.request(is_stream=False))
        requests.stream.write_bytes(chat.request(is_stream=True))
        return requests

    def load(self, connections: int, seconds: float, rate_per_s: float = 0.0) -> Load:
        return Load(connections, seconds, self.json, chat.EXPECTED_JSON, rate_per_s)

    def streams(self, connections: int, seconds: float) -> Load:
        return Load(connections, seconds, self.stream, chat.EXPECTED_STREAM)
