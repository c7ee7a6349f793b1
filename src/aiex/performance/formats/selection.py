"""The part of a profile that one asks about: of one service, one route, one model, one thread."""

import msgspec

from aiex.performance.profile import Labels, Profile, ProfileBuilder


class Selection(msgspec.Struct, frozen=True):
    """Empty means any. A service is meant with all below it: `http` takes `http.api` in."""

    service: str = ""
    route: str = ""
    model: str = ""
    thread: str = ""

    @property
    def is_everything(self) -> bool:
        return self == Selection()

    def has(self, labels: Labels) -> bool:
        return (
            self._has_service(labels.service)
            and self.route in ("", labels.route)
            and self.model in ("", labels.model)
            and self.thread in ("", labels.thread)
        )

    def _has_service(self, name: str) -> bool:
        return self.service in ("", name) or name.startswith(f"{self.service}.")


def selected(profile: Profile, selection: Selection) -> Profile:
    """Only the samples meant; what was lost belongs to nobody and is left out then."""
    if selection.is_everything:
        return profile
    builder = ProfileBuilder()
    for sample in profile.samples:
        labels = profile.labels[sample.labels]
        if selection.has(labels):
            stack = [profile.frames[place] for place in sample.stack]
            builder.add(stack, labels, sample.weight, sample.count)
    return builder.profile(
        profile.kind,
        began_at_s=profile.began_at_s,
        seconds=profile.seconds,
        notes=profile.notes,
    )


def labelled(profile: Profile, *, node: str) -> Profile:
    """The same profile; samples that do not say of which node they are are of this one."""
    labels = tuple(
        one if one.node else msgspec.structs.replace(one, node=node) for one in profile.labels
    )
    return msgspec.structs.replace(profile, labels=labels)


def label_weights(profile: Profile, name: str) -> dict[str, int]:
    """How much has which text of one label, which is empty where nobody said."""
    weights: dict[str, int] = {}
    for sample in profile.samples:
        text = str(getattr(profile.labels[sample.labels], name))
        weights[text] = weights.get(text, 0) + sample.weight
    return weights
