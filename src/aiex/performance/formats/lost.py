"""What a profile lost, as a sample among the others, so that what is written adds up."""

from aiex.performance.profile import Frame, Labels, Profile, ProfileBuilder

# No function has such a name.
LOST = Frame("(lost)")


def with_lost(profile: Profile) -> Profile:
    """The same weight, with nothing lost: it is a stack of its own, with no labels."""
    if not profile.lost:
        return profile
    builder = ProfileBuilder()
    builder.add_profile(profile)
    builder.add([LOST], Labels(), profile.lost)
    return _built(builder, profile, lost=0)


def without_lost(profile: Profile) -> Profile:
    """The other way round."""
    if LOST not in profile.frames:
        return profile
    builder, lost = ProfileBuilder(), profile.lost
    for sample in profile.samples:
        stack = [profile.frames[place] for place in sample.stack]
        if stack == [LOST]:
            lost += sample.weight
        else:
            builder.add(stack, profile.labels[sample.labels], sample.weight, sample.count)
    return _built(builder, profile, lost=lost)


def _built(builder: ProfileBuilder, profile: Profile, *, lost: int) -> Profile:
    return builder.profile(
        profile.kind,
        began_at_s=profile.began_at_s,
        seconds=profile.seconds,
        lost=lost,
        notes=profile.notes,
    )
