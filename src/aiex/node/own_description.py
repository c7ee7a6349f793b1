"""This node in its own words: what others get of it when they ask."""

import asyncio
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from aiex.certificates import certificates_in, ends_at_s
from aiex.cluster import (
    PROTOCOL,
    DescribedContact,
    DescribedEngine,
    DescribedFormation,
    DescribedHot,
    DescribedMember,
    DescribedOutsider,
    DescribedRefusal,
    Description,
    Examination,
    Member,
)
from aiex.engine import CarrierAddress, Contact
from aiex.node.parts import Parts
from aiex.settings import Settings, settings_digest, shared_digest

# A port that says nothing for so long is behind a firewall, or nowhere.
LOOK_S = 1.0
# What texts and lists of a description may have; the ends of longer ones tell nothing new.
TEXT_CHARS_MAX = 512
LISTED_MAX = 64


class OwnDescription:
    """Read from the node's parts when asked; certificates at the start, settings as they change."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._digest_settings()
        self._certificates = _certificate_ends(parts.settings)

    def now(self) -> Description:
        """This node, as others get it when they ask `describe`."""
        parts, life = self._parts, self._parts.life
        if parts.cluster_settings() is not self._digested:
            self._digest_settings()  # an operator had this node join others meanwhile
        engine, view = parts.engine.status(), parts.cluster.view()
        return Description(
            life.name,
            parts.cluster.incarnation(),
            life.version,
            PROTOCOL,
            platform.python_version(),
            life.phase,
            life.started_at_s,
            life.wall_s(),
            self._settings,
            DescribedEngine(
                "embedded" if engine.is_embedded else "external",
                engine.state,
                engine.reason[:TEXT_CHARS_MAX],
                engine.server_version,
            ),
            tuple(_described(member) for member in view.members),
            next((one.groups for one in view.members if one.is_self), ()),
            view.stays_out[:TEXT_CHARS_MAX],
            view.split[:TEXT_CHARS_MAX],
            life.admin_url,
            self._formation(),
            self._hot(),
        )

    async def examination(self) -> Examination:
        """What this node finds at the carriers' ports now; within twice `LOOK_S`."""
        looks = (
            self._parts.engine.look_at(one, timeout_s=LOOK_S) for one in self._other_carriers()
        )
        return Examination(tuple(map(_contact, await asyncio.gather(*looks))))

    def _hot(self) -> DescribedHot:
        hot = self._parts.hot
        refusals = list(hot.refusals().items())[:LISTED_MAX]
        return DescribedHot(
            hot.revision, hot.is_caught_up, {key: _text(reason) for key, reason in refusals}
        )

    def _digest_settings(self) -> None:
        self._digested = self._parts.cluster_settings()
        settings = msgspec.structs.replace(self._parts.settings, cluster=self._digested)
        self._settings = settings_digest(settings)
        self._shared_settings = shared_digest(settings)

    def _other_carriers(self) -> tuple[CarrierAddress, ...]:
        """Those of the charter and those that discovery names, this node not among them."""
        formation = self._parts.cluster.formation
        if formation is None or not formation.is_on:
            return ()
        status = formation.status()
        known = status.charter.carriers if status.charter is not None else ()
        own = status.found.own
        carriers = {one.name: one for one in (*known, *status.found.carriers)}
        return tuple(
            one
            for one in list(carriers.values())[:LISTED_MAX]
            if one.name != status.carrier and (own is None or one.name != own.name)
        )

    def _formation(self) -> DescribedFormation:
        parts = self._parts
        cluster, settings = parts.cluster, parts.cluster_settings()
        free, total = _room(parts.data_dir)
        told = DescribedFormation(
            cluster.name,
            settings.discovery,
            "external" if parts.settings.engine.url else type(parts.engine.seat).__name__.lower(),
            seeds=tuple(sorted(settings.seeds)),
            state_trouble=_text(parts.engine.state_trouble),
            refusals=tuple(
                DescribedRefusal(_text(one.reason), one.address, one.is_own)
                for one in parts.engine.refusals()[:LISTED_MAX]
            ),
            outsiders=tuple(
                DescribedOutsider(one.name, one.incarnation, _text(one.reason), one.is_twin)
                for one in cluster.view().outsiders[:LISTED_MAX]
            ),
            has_twin=cluster.has_twin(),
            has_tls=bool(settings.tls_certificate_file),
            shared_settings=self._shared_settings,
            milestones=dict(parts.milestones.reached()),
            certificates=dict(self._certificates),
            disk_free_bytes=free,
            disk_bytes=total,
        )
        if cluster.formation is None or not cluster.formation.is_on:
            return told
        status = cluster.formation.status()
        return msgspec.structs.replace(
            told,
            carrier=status.carrier,
            epoch=status.charter.epoch if status.charter is not None else 0,
            is_in_force=status.is_in_force,
            carriers=status.charter.names[:LISTED_MAX] if status.charter is not None else (),
            found=tuple(one.name for one in status.found.carriers[:LISTED_MAX]),
            found_waits_for=_text(status.found.waiting_for),
            found_trouble=_text(status.found.trouble),
            waiting_for=_text(status.waiting_for),
            trouble=_text(status.trouble),
            servers=None if status.servers is None else dict(status.servers),
        )


def _described(member: Member) -> DescribedMember:
    return DescribedMember(
        member.name,
        member.incarnation,
        member.state,
        member.reason[:TEXT_CHARS_MAX],
        member.version,
        member.zone,
        member.carrier,
    )


def _contact(found: Contact) -> DescribedContact:
    return DescribedContact(
        found.carrier,
        found.host,
        found.route_port,
        found.client_port,
        found.route,
        found.client,
        _text(found.server),
        _text(found.cluster),
        found.has_tls,
        _text(found.refusal),
    )


def _certificate_ends(settings: Settings) -> Mapping[str, float]:
    """When each certificate of this node's own ends, by its setting; the files are read at start.

    Of a chain the first to end counts.
    """
    ends = {}
    for section in ("api", "admin", "cluster"):
        file = getattr(settings, section).tls_certificate_file
        try:
            chain = certificates_in(Path(file).read_bytes()) if file else []
        except OSError:
            continue  # whoever needs the file says what is wrong with it
        known = [end for one in chain if (end := ends_at_s(one)) is not None]
        if known:
            ends[f"{section}.tls_certificate_file"] = min(known)
    return ends


def _room(directory: Path) -> tuple[int, int]:
    """Free bytes of the disk and all of it; zeroes where that cannot be known."""
    try:
        room = shutil.disk_usage(directory)
    except OSError:
        return 0, 0
    return room.free, room.total


def _text(text: str) -> str:
    return text[:TEXT_CHARS_MAX]
