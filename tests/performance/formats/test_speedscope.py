"""speedscope's files: valid by its own schema, and read back exactly."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from aiex.performance.formats import FORMATS, Difference, ProfileUnreadable, read_profile
from aiex.testing.profiles import hostile_profile, small_profile, wide_profile

SCHEMA = json.loads(Path(__file__).with_name("speedscope-schema.json").read_text())
FORMAT = FORMATS["speedscope"]


def written(document: bytes) -> Any:
    content = json.loads(document)
    jsonschema.Draft7Validator(SCHEMA).validate(content)
    return content


@pytest.mark.parametrize("profile", [small_profile(lost=3), hostile_profile(), wide_profile(500)])
def test_what_is_written_is_valid_and_adds_up(profile: Any) -> None:
    content = written(FORMAT.write(profile))
    whole = content["profiles"][0]
    assert sum(whole["weights"]) == whole["endValue"] == profile.weight
    assert all(len(one["samples"]) == len(one["weights"]) for one in content["profiles"])
    assert sum(one["endValue"] for one in content["profiles"][1:]) == profile.weight


def test_the_schema_is_one_that_can_be_failed() -> None:
    content = json.loads(FORMAT.write(small_profile()))
    content["profiles"][0]["unit"] = "us"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate(content)


def test_each_set_of_labels_is_a_profile_of_its_own_heaviest_first() -> None:
    names = [one["name"] for one in written(FORMAT.write(small_profile(lost=1)))["profiles"]]
    assert names == ["all", "n1 · http.api", "n2 · telemetry", "no labels"]


def test_two_profiles_are_two_in_one_file() -> None:
    assert FORMAT.write_difference is not None
    difference = Difference(small_profile(), small_profile(2), "share")
    document = FORMAT.write_difference(difference)
    assert [one["endValue"] for one in written(document)["profiles"]] == [200, 100]
    with pytest.raises(ProfileUnreadable, match="has two profiles; give the files"):
        read_profile(document, "x")


def test_what_another_tool_wrote_is_read_by_thread() -> None:
    shared = {"frames": [{"name": "main"}, {"name": "work", "file": "w.py", "line": 4}]}
    thread = {"type": "sampled", "unit": "seconds", "startValue": 0, "endValue": 0.5}
    profiles = [
        {**thread, "name": "one", "samples": [[0, 1], [0]], "weights": [0.25, 0.25]},
        {**thread, "name": "two", "samples": [[0]], "weights": [0.5]},
    ]
    content = {
        "$schema": SCHEMA["definitions"]["FileFormat.File"]["properties"]["$schema"]["const"]
    }
    document = json.dumps({**content, "shared": shared, "profiles": profiles}).encode()
    written(document)
    profile = read_profile(document, "x")
    assert (profile.kind, profile.weight, profile.seconds) == ("cpu", 1_000_000, 0.5)
    assert {one.thread for one in profile.labels} == {"one", "two"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"profiles": []}, "no sampled profile"),
        ({"shared": {"frames": []}}, "frames that are not in it"),
        ({"profiles": "none"}, "not a profile that can be read"),
    ],
)
def test_what_is_not_whole_is_refused_in_words(change: dict[str, Any], why: str) -> None:
    content = {**json.loads(FORMAT.write(small_profile())), **change}
    with pytest.raises(ProfileUnreadable, match=why):
        read_profile(json.dumps(content).encode(), "x.speedscope.json")
