"""pprof's files, decoded by Google's own Protocol Buffers from the fields that pprof documents."""

import gzip
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from aiex.performance import Frame, Labels, Profile
from aiex.performance.formats import FORMATS, Difference
from aiex.performance.formats.protobuf_wire import integer, varint
from aiex.testing.profiles import hostile_profile, small_profile, wide_profile

FORMAT = FORMATS["pprof"]
# Of google/pprof, proto/profile.proto: each field's number, whether it is repeated, its type.
FIELDS = {
    "ValueType": "type 1 int64, unit 2 int64",
    "Label": "key 1 int64, str 2 int64, num 3 int64, num_unit 4 int64",
    "Sample": "location_id 1 uint64*, value 2 int64*, label 3 Label*",
    "Mapping": "id 1 uint64, memory_start 2 uint64, memory_limit 3 uint64, file_offset 4 uint64, "
    "filename 5 int64, build_id 6 int64, has_functions 7 bool, has_filenames 8 bool, "
    "has_line_numbers 9 bool, has_inline_frames 10 bool",
    "Line": "function_id 1 uint64, line 2 int64",
    "Location": "id 1 uint64, mapping_id 2 uint64, address 3 uint64, line 4 Line*, "
    "is_folded 5 bool",
    "Function": "id 1 uint64, name 2 int64, system_name 3 int64, filename 4 int64, "
    "start_line 5 int64",
    "Profile": "sample_type 1 ValueType*, sample 2 Sample*, mapping 3 Mapping*, "
    "location 4 Location*, function 5 Function*, string_table 6 string*, drop_frames 7 int64, "
    "keep_frames 8 int64, time_nanos 9 int64, duration_nanos 10 int64, period_type 11 ValueType, "
    "period 12 int64, comment 13 int64*, default_sample_type 14 int64",
}


def profile_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", syntax="proto3")
    kind = descriptor_pb2.FieldDescriptorProto
    scalars = {"int64": kind.TYPE_INT64, "uint64": kind.TYPE_UINT64}
    scalars |= {"bool": kind.TYPE_BOOL, "string": kind.TYPE_STRING}
    for name, fields in FIELDS.items():
        described = file.message_type.add(name=name)
        for field in fields.split(", "):
            field_name, number, of = field.split()
            is_repeated = of.endswith("*")
            one = described.field.add(name=field_name, number=int(number))
            one.label = kind.LABEL_REPEATED if is_repeated else kind.LABEL_OPTIONAL
            one.type = scalars.get(of.rstrip("*"), kind.TYPE_MESSAGE)
            if one.type == kind.TYPE_MESSAGE:
                one.type_name = of.rstrip("*")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Profile"))


PROFILE = profile_class()


def decoded(document: bytes) -> Any:
    """Checked as pprof's own `CheckValid` does: every id is there and every sample has all."""
    profile = PROFILE.FromString(gzip.decompress(document))
    strings = profile.string_table
    assert strings[0] == ""
    assert len(set(strings)) == len(strings)
    functions = {one.id: one for one in profile.function}
    mappings = {one.id for one in profile.mapping}
    assert 0 not in functions
    for location in profile.location:
        assert location.id
        assert location.mapping_id in mappings
        assert all(line.function_id in functions for line in location.line)
    places = {one.id for one in profile.location}
    for sample in profile.sample:
        assert len(sample.value) == len(profile.sample_type)
        assert all(place in places for place in sample.location_id)
        assert all(0 < label.key < len(strings) for label in sample.label)
    return profile


def stacks(profile: Any) -> dict[tuple[tuple[Frame, ...], Labels], tuple[int, ...]]:
    """What a decoded profile says, in our own words."""
    strings = profile.string_table
    functions = {one.id: one for one in profile.function}
    frames = {
        one.id: Frame(
            strings[functions[one.line[0].function_id].name],
            strings[functions[one.line[0].function_id].filename],
            one.line[0].line,
        )
        for one in profile.location
    }
    return {
        (
            tuple(frames[place] for place in reversed(sample.location_id)),
            Labels(**{strings[one.key]: strings[one.str] for one in sample.label}),
        ): tuple(sample.value)
        for sample in profile.sample
    }


def own_stacks(profile: Profile) -> dict[tuple[tuple[Frame, ...], Labels], tuple[int, ...]]:
    return {
        (tuple(profile.frames[place] for place in one.stack), profile.labels[one.labels]): (
            one.count,
            one.weight,
        )
        for one in profile.samples
    }


@pytest.mark.parametrize("profile", [small_profile(), wide_profile(500)])
def test_every_stack_is_there_with_labels_count_and_weight(profile: Profile) -> None:
    assert stacks(decoded(FORMAT.write(profile))) == own_stacks(profile)


def test_what_was_lost_is_a_stack_of_its_own() -> None:
    profile = decoded(FORMAT.write(small_profile(lost=9)))
    assert stacks(profile)[(Frame("(lost)"),), Labels()] == (1, 9)


def test_hostile_names_arrive_as_they_are() -> None:
    profile = hostile_profile()
    came = decoded(FORMAT.write(profile))
    names = {one.function or "(nameless)" for one in profile.frames} | {"(lost)"}
    assert {came.string_table[one.name] for one in came.function} == names
    assert [came.string_table[place] for place in came.comment] == list(profile.notes)


def test_type_unit_and_time_are_those_of_the_profile() -> None:
    came = decoded(FORMAT.write(small_profile()))
    types = [(came.string_table[one.type], came.string_table[one.unit]) for one in came.sample_type]
    assert types == [("samples", "count"), ("cpu", "microseconds")]
    assert came.string_table[came.default_sample_type] == "cpu"
    assert (came.time_nanos, came.duration_nanos) == (5 * 10**9, 10 * 10**9)


def test_of_two_profiles_the_earlier_is_negative_and_marked_as_the_base() -> None:
    assert FORMAT.write_difference is not None
    difference = Difference(small_profile(2), small_profile(3, seconds=20), "seconds")
    came = decoded(FORMAT.write_difference(difference))
    base = [
        sample
        for sample in came.sample
        if ("pprof::base", "true")
        in {(came.string_table[one.key], came.string_table[one.str]) for one in sample.label}
    ]
    assert sum(sample.value[1] for sample in base) == -400
    assert sum(sample.value[1] for sample in came.sample) == 300 - 400


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_written_as_protocol_buffers_has_them(value: int) -> None:
    decoded_value = PROFILE.FromString(integer(12, value)).period
    assert decoded_value == value
    assert len(varint(value)) <= 10
