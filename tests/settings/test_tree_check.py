"""What is wrong with settings: told all at once, each with its source and the nearest name."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.errors import SettingsError
from aiex.settings import load

MOCK = 'providers.m.kind = "mock"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "aiex.toml"


def problems(
    file: Path | None = None,
    content: str = "",
    flags: Mapping[str, str] = MappingProxyType({}),
    /,
    **environment: str,
) -> list[str]:
    if file is not None:
        file.write_text(content, "utf-8")
    variables = {f"AIEX_{name}": text for name, text in environment.items()}
    with pytest.raises(SettingsError) as refused:
        load(file, variables, flags)
    return str(refused.value).splitlines()


def test_every_problem_of_every_source_is_told_at_once(file: Path) -> None:
    told = problems(
        file,
        '[api]\nprot = 1\n[log]\nlevel = "loud"',
        {"admin.port": "70000"},
        ENGINE__PASSWORT="x",
        LOCAL__THREADS="many",
        API__KEY_FILE="/no/such",
    )
    assert sorted(told) == [
        "AIEX_API__KEY_FILE: the file /no/such cannot be read: No such file or directory",
        "admin.port (--set admin.port): expected a whole number from 0 to 65,535 (it is '70000')",
        f"api.prot ({file}): unknown; did you mean 'port'?",
        "engine.passwort (AIEX_ENGINE__PASSWORT): unknown; did you mean 'password'?",
        "local.threads (AIEX_LOCAL__THREADS): expected a whole number of at least 0 (it is 'many')",
        f"log.level ({file}): expected debug, error, info or warning (it is 'loud')",
    ]


def test_problems_come_in_the_same_order_every_time(file: Path) -> None:
    keys = [f"unknown_{number}" for number in range(20)]
    told = problems(file, "\n".join(f"api.{key} = 1" for key in keys))
    assert [line.split()[0] for line in told] == [f"api.{key}" for key in keys]


# At every depth: a section, a setting, and inside of providers and models.
@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("apii", "api"),
        ("api.prot", "port"),
        ("providers.m.sead", "seed"),
        ("providers.m.faults.eror_ratio", "error_ratio"),
        ("models.x.target", "targets"),
    ],
)
def test_an_unknown_key_of_any_source_is_answered_with_the_nearest(
    file: Path, path: str, meant: str
) -> None:
    text = f"unknown; did you mean '{meant}'?"
    variable = path.upper().replace(".", "__")
    assert problems(file, f"{path} = 1\n{MOCK}") == [f"{path} ({file}): {text}"]
    assert problems(file, MOCK, **{variable: "1"}) == [f"{path} (AIEX_{variable}): {text}"]
    assert problems(file, MOCK, {path: "1"}) == [f"{path} (--set {path}): {text}"]


def test_an_unknown_key_in_a_list_of_tables_is_answered_with_its_position(file: Path) -> None:
    targets = '[{ provider = "m" }, { provider = "m", wieght = 2 }]'
    told = problems(file, f"{MOCK}[models.x]\ntargets = {targets}")
    assert told == [f"models.x.targets.1.wieght ({file}): unknown; did you mean 'weight'?"]


def test_a_key_like_no_other_is_answered_with_all_there_are() -> None:
    (told,) = problems(LOG__ZZZ="1")
    assert told == "log.zzz (AIEX_LOG__ZZZ): unknown; known are level, format, access"


def test_what_is_wrong_inside_a_json_table_has_the_variable_as_its_source() -> None:
    (told,) = problems(PROVIDERS='{"m": {"kind": "mock", "faults": {"cut_ratio": 2}}}')
    assert told == (
        "providers.m.faults.cut_ratio (AIEX_PROVIDERS): expected a number from 0 to 1 (it is '2')"
    )


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("api.port", "-1"),
        ("api.port", "65536"),
        ("api.port", "80.5"),
        ("api.port", ""),
        ("api.auth", "maybe"),
        ("api.body_bytes_max", "1023"),
        ("api.in_flight_max", "0"),
        ("admin.metrics_open", "perhaps"),
        ("engine.start_timeout_s", "-0.1"),
        ("node.drain_deadline_s", "nan"),
        ("local.parallel", "65"),
        ("local.context_tokens", "511"),
        ("providers.m.faults.hang_ratio", "1.01"),
        ("providers.m.kind", "antropic"),
    ],
)
def test_a_value_out_of_bounds_is_named_with_what_it_is(
    file: Path, setting: str, text: str
) -> None:
    (told,) = problems(file, MOCK, {setting: text})
    assert told.startswith(f"{setting} (--set {setting}): ")
    assert f"(it is {text!r})" in told


@pytest.mark.parametrize(
    ("setting", "text", "meant"),
    [("log.level", "debgu", "debug"), ("providers.m.kind", "antropic", "anthropic")],
)
def test_a_choice_is_told_with_all_there_are_and_the_nearest(
    file: Path, setting: str, text: str, meant: str
) -> None:
    (told,) = problems(file, MOCK, {setting: text})
    assert f"{meant}" in told.partition("expected ")[2].partition(" (it is")[0]
    assert told.endswith(f"(it is {text!r}); did you mean '{meant}'?")


@pytest.mark.parametrize(
    "setting", ["providers.m.total_timeout_s", "engine.frozen_after_s", "providers.m.latency_ms"]
)
def test_a_wait_without_end_is_refused_since_no_timer_takes_it(file: Path, setting: str) -> None:
    (told,) = problems(file, f"{setting} = inf\n{MOCK}")
    assert told.startswith(f"{setting} ({file}): expected a number from 0 to ")


@pytest.mark.parametrize("weight", ["0", "-1", "inf", "nan"])
def test_a_weight_is_a_share_of_something(file: Path, weight: str) -> None:
    told = problems(file, f'{MOCK}[models.x]\ntargets = [{{ provider = "m", weight = {weight} }}]')
    assert [line.split(":")[0] for line in told] == [f"models.x.targets.0.weight ({file})"]


def test_what_a_section_must_have_is_named(file: Path) -> None:
    assert problems(file, "[providers.m]\nseed = 1\n[models.x]") == [
        f"providers.m ({file}): Missing required key 'kind'",
        f"models.x ({file}): Missing required key 'targets'",
    ]


def test_a_model_needs_a_target(file: Path) -> None:
    (told,) = problems(file, f"{MOCK}[models.x]\ntargets = []")
    assert told == f"models.x.targets ({file}): expected a list of at least 1"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("api = 5", "api ({file}): expected a section with keys"),
        ("providers = 5", "providers ({file}): expected a table"),
        ("providers.m = 5", "providers.m ({file}): expected a section with keys"),
        ("models.x.targets = 5", "models.x.targets ({file}): expected a list of tables"),
        ("models.x.targets = [5]", "models.x.targets.0 ({file}): expected a section with keys"),
        ("[[api]]\nport = 1", "api ({file}): expected a section with keys"),
    ],
)
def test_what_should_be_a_table_or_list_and_is_not(file: Path, content: str, what: str) -> None:
    assert problems(file, content) == [what.format(file=file)]


def test_broken_json_is_told_with_the_place_where_it_breaks() -> None:
    assert problems(MODELS="[]", PROVIDERS='{"a": {"b": }}') == [
        "models (AIEX_MODELS): expected a table, as JSON",
        "providers (AIEX_PROVIDERS): expected a table, as JSON: "
        "Expecting value: line 1 column 13 (char 12)",
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert problems_of_file(tmp_path / "no") == [
        f"{tmp_path}/no: cannot be read: No such file or directory"
    ]
    assert problems_of_file(tmp_path) == [f"{tmp_path}: cannot be read: Is a directory"]


@pytest.mark.parametrize("content", [b"api = ", b"[api\n", b"a = 1\na = 2", b"\xff"])
def test_a_file_that_is_no_toml_is_named_and_the_rest_is_checked(
    file: Path, content: bytes
) -> None:
    file.write_bytes(content)
    told = problems_of_file(file, AIEX_API__PORT="x")
    assert told[0].startswith(f"{file}: not valid TOML: ")
    assert [line.split()[0] for line in told[1:]] == ["api.port"]


def problems_of_file(file: Path, **environment: str) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(file, environment, {})
    return str(refused.value).splitlines()


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0="), max_size=8)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
SOME_PATHS = st.lists(NAMES | st.sampled_from(["api", "providers", "m", "kind", "port", "models"]))
JSON_TEXTS = st.recursive(st.sampled_from(["1", "null", '"x"']), lambda one: st.one_of(
    st.lists(one, max_size=3).map(lambda parts: f"[{','.join(parts)}]"),
    st.dictionaries(
        st.sampled_from(["kind", "m", "targets", "provider", "faults"]), one, max_size=3
    ).map(lambda table: "{" + ",".join(f'"{key}":{text}' for key, text in table.items()) + "}"),
), max_leaves=6)  # fmt: skip


@given(
    environment=st.dictionaries(SOME_PATHS.map("__".join), VALUES | JSON_TEXTS, max_size=4),
    flags=st.dictionaries(SOME_PATHS.map(".".join), VALUES | JSON_TEXTS, max_size=4),
)
def test_whatever_is_said_it_is_taken_or_refused_in_words(
    environment: dict[str, str], flags: dict[str, str]
) -> None:
    variables = {f"AIEX_{name.upper()}": text for name, text in environment.items()}
    with contextlib.suppress(SettingsError):
        load(None, variables, flags)
