"""What it says is wrong with the cluster, and what all nodes told."""

import msgspec

from aiex.cli.answers.cluster import CallFailure
from aiex.cli.answers.node import EngineFacts


class Finding(msgspec.Struct, frozen=True):
    rule: str = ""
    text: str = ""
    next_step: str = ""


class ToldMember(msgspec.Struct, frozen=True):
    name: str
    state: str = ""


class ToldFormation(msgspec.Struct, frozen=True):
    discovery: str = ""
    seat: str = ""
    epoch: int = 0
    carriers: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    found_waits_for: str = ""
    found_trouble: str = ""
    waiting_for: str = ""
    trouble: str = ""
    servers: dict[str, bool] | None = None
    shared_settings: dict[str, str] = {}
    milestones: dict[str, float] = {}


class ToldDescription(msgspec.Struct, frozen=True):
    version: str = ""
    protocol: int = 0
    settings: dict[str, str] = {}
    engine: EngineFacts = EngineFacts()
    members: tuple[ToldMember, ...] = ()
    stays_out: str = ""
    formation: ToldFormation | None = None


class ToldContact(msgspec.Struct, frozen=True):
    carrier: str = ""
    host: str = ""
    route_port: int = 0
    client_port: int = 0
    route: str = ""
    client: str = ""
    server: str = ""
    refusal: str = ""


class ToldNode(msgspec.Struct, frozen=True):
    node: str
    clock_ahead_ms: float = 0.0
    description: ToldDescription = ToldDescription()
    contacts: tuple[ToldContact, ...] = ()


class Explanation(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster/explain`."""

    asked: str = ""
    findings: tuple[Finding, ...] = ()
    witnesses: tuple[ToldNode, ...] = ()
    silences: tuple[CallFailure, ...] = ()
