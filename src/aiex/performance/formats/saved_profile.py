"""A profile as Aiex keeps it in a file: JSON, with everything it has."""

import msgspec

from aiex.performance.profile import Profile, merged

FORM = 1


class _Saved(msgspec.Struct, frozen=True):
    """`form` grows when what is written could be misread by what came before."""

    profile: Profile
    form: int = msgspec.field(name="aiex_profile")


class _Answer(msgspec.Struct, frozen=True):
    node: str
    answer: Profile


class _Answers(msgspec.Struct, frozen=True):
    """What `-o json` prints: the nodes' answers as they came."""

    answers: tuple[_Answer, ...]


def saved_profile(profile: Profile) -> bytes:
    """A whole file."""
    return msgspec.json.encode(_Saved(profile, FORM))


def from_saved(document: bytes) -> Profile:
    """What was saved, or the nodes' answers as one.

    Raises `msgspec.DecodeError` when it is neither, `ValueError` with a sentence when it is one
    that cannot be read here.
    """
    keys = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    if "answers" in keys:
        profile = merged(
            [one.answer for one in msgspec.json.decode(document, type=_Answers).answers]
        )
    elif "aiex_profile" in keys:
        saved = msgspec.json.decode(document, type=_Saved)
        if saved.form > FORM:
            raise ValueError("a newer Aiex wrote it")
        profile = saved.profile
    elif {"before", "after", "functions"} <= keys.keys():
        raise ValueError("it says what changed between two; give the files they were in")
    else:
        profile = msgspec.json.decode(document, type=Profile)
    frame_count, label_count = len(profile.frames), len(profile.labels)
    for sample in profile.samples:
        places_fit = all(0 <= place < frame_count for place in sample.stack)
        if not places_fit or not 0 <= sample.labels < label_count:
            raise ValueError("it has samples of frames or labels that are not in it")
    return profile
