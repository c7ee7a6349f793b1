"""Whatever the file holds: settings that are right, a report, and no secret in either."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aiex.litellm import Conversion, LitellmConfigError, converted, load_yaml, toml_text
from aiex.settings import Settings, load

SECRET = "xyzzy-never-to-be-seen"

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from(
        ("*", "openai/*", "openai/gpt-4o", "azure/x", "ollama/y", "os.environ/NAME", "a", "b")
    )
    | st.sampled_from(
        ("http://h/v1", "http://[", "https://u:p@h:1/v1?k=1", "2024-10-21", "-1", "1e999")
    )
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LEAVES, inner, max_size=3),
    max_leaves=8,
)


def some_of(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[Any, Any]]:
    """A mapping with some of the keys, usually with the values meant, and with others."""
    known = st.fixed_dictionaries({}, optional={key: one | ANYTHING for key, one in keys.items()})
    return st.builds(lambda known, other: {**other, **known}, known, st.just({}) | ANYTHING_TABLE)


ANYTHING_TABLE = st.dictionaries(LEAVES, ANYTHING, max_size=2)
NAMES = st.sampled_from(["a", "b", "openai/*", "*", "gpt-4o"])
FALLBACKS = st.lists(st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=2), max_size=2)
PARAMETERS = some_of(
    model=st.sampled_from(["openai/gpt-4o", "openai/*", "azure/x", "ollama/y", "gpt-4o", "x/y"]),
    api_base=st.sampled_from(["http://h/v1", "https://h.example", "os.environ/NAME"]),
    api_key=st.sampled_from(["os.environ/NAME", SECRET, "none"]),
    api_version=st.dates(),
    weight=st.floats(0, 10),
    input_cost_per_token=st.floats(0, 1e-3),
    output_cost_per_token=st.floats(0, 1e-3),
    rpm=st.integers(0, 100),
    timeout=st.floats(),
    extra_headers=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)
CONFIGS = some_of(
    model_list=st.lists(some_of(model_name=NAMES, litellm_params=PARAMETERS), max_size=4),
    credential_list=st.lists(some_of(credential_name=NAMES, credential_values=PARAMETERS)),
    router_settings=some_of(
        fallbacks=FALLBACKS,
        model_group_alias=st.dictionaries(NAMES, NAMES, max_size=2),
        timeout=st.integers(),
        num_retries=st.integers(-1, 9),
        routing_strategy=st.sampled_from(["simple-shuffle", "least-busy", "cost-based-routing"]),
    ),
    litellm_settings=some_of(
        default_fallbacks=st.lists(NAMES), fallbacks=FALLBACKS, json_logs=st.booleans()
    ),
    general_settings=some_of(
        master_key=st.just(SECRET), global_max_parallel_requests=st.integers()
    ),
)


def settings_of(conversion: Conversion) -> Settings:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "aiex.toml"
        file.write_text(toml_text(conversion, "config.yaml"), "utf-8")
        return load(file, {}, {}).settings


@given(CONFIGS | ANYTHING)
def test_any_content_makes_settings_that_are_right(content: object) -> None:
    conversion = converted(content, {})
    settings = settings_of(conversion)
    assert list(settings.models) == list(conversion.settings.get("models", {}))


@given(CONFIGS)
def test_a_key_written_into_the_file_never_comes_out_of_it(content: object) -> None:
    conversion = converted(content, {})
    made = toml_text(conversion, "config.yaml") + repr(conversion)
    assert SECRET not in made


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_yaml_or_refused(raw: bytes) -> None:
    try:
        content = load_yaml(raw)
    except LitellmConfigError:
        return
    settings_of(converted(content, {}))


@given(CONFIGS)
def test_yaml_says_what_was_written(content: object) -> None:
    try:
        raw = yaml.safe_dump(content).encode()
    except (yaml.YAMLError, UnicodeEncodeError):
        return
    settings_of(converted(load_yaml(raw), {}))


def test_a_mapping_that_holds_itself_is_no_trouble() -> None:
    content = load_yaml(b"&a\nmodel_list: [*a]\nrouter_settings: *a\n")
    losses = converted(content, {}).losses
    assert "model_list[0].model_name" in [loss.path for loss in losses]


@pytest.mark.parametrize(
    "raw",
    [
        b"a: [",
        b"!!python/object/apply:os.system ['true']",
        b"\xff\xff",
        b"a: 2024-99-99",
        b"[" * 100_000,
        b"a: b\n\tc: d",
        b"x" * (5 * 1024 * 1024),
    ],
)
def test_what_is_no_yaml_is_refused_in_words(raw: bytes) -> None:
    with pytest.raises(LitellmConfigError, match=r"not valid YAML|larger than"):
        load_yaml(raw)


def test_a_refusal_names_the_place_and_quotes_nothing() -> None:
    with pytest.raises(LitellmConfigError, match="line 2") as refused:
        load_yaml(b"api_key: sk-secret\n  x: - [sk-secret")
    assert "sk-secret" not in str(refused.value)


def one(**parameters: object) -> Conversion:
    entry = {"model_name": "m", "litellm_params": {"model": "openai/gpt-4o", **parameters}}
    return converted({"model_list": [entry]}, {"BASE": "https://acme.openai.azure.com"})


def provider(**parameters: object) -> dict[str, Any]:
    (made,) = one(**parameters).settings["providers"].values()
    assert isinstance(made, dict)
    return made


@pytest.mark.parametrize(
    ("model", "base", "expected"),
    [
        ("openai/gpt-4o", None, "https://api.openai.com/v1"),
        ("gpt-4o", None, "https://api.openai.com/v1"),
        ("ollama/llama3", "http://h:11434", "http://h:11434/v1"),
        ("ollama/llama3", "http://h:11434/v1/", "http://h:11434/v1"),
        ("hosted_vllm/x", "http://h:8000/v1", "http://h:8000/v1"),
        ("azure/x", "os.environ/BASE", "https://acme.openai.azure.com"),
        ("azure/x", "https://a.example/openai/deployments/x", "https://a.example"),
        ("groq/llama", None, "https://api.groq.com/openai/v1"),
        ("openai/x", "https://user:pw@h.example/v1?key=1#x", "https://h.example/v1"),
    ],
)
def test_each_prefix_has_its_address(model: str, base: str | None, expected: str) -> None:
    given = {} if base is None else {"api_base": base}
    assert provider(model=model, **given)["base_url"] == expected


@pytest.mark.parametrize(
    "model", ["bedrock/x", "vertex_ai/gemini-2.5-pro", "gemini-1.5-pro", "x/y"]
)
def test_what_speaks_no_openai_is_left_out_and_told(model: str) -> None:
    conversion = one(model=model)
    assert "models" not in conversion.settings
    assert "model_list[0].litellm_params.model" in [loss.path for loss in conversion.losses]


@pytest.mark.parametrize("model", ["anthropic/claude-opus-5", "claude-opus-5"])
def test_anthropics_models_are_asked_at_anthropic(model: str) -> None:
    conversion = one(model=model)
    assert conversion.settings["providers"] == {"anthropic": {"kind": "anthropic"}}
    target = {"provider": "anthropic", "model": "claude-opus-5"}
    assert conversion.settings["models"] == {"m": {"targets": [target]}}


@pytest.mark.parametrize("key", ["none", "EMPTY", "sk-no-key-required", "not-needed", ""])
def test_a_key_that_says_it_is_none_is_not_asked_for(key: str) -> None:
    assert one(model="hosted_vllm/x", api_base="http://h/v1", api_key=key).secrets == []


def test_a_key_is_asked_for_under_the_name_litellm_has_for_it() -> None:
    assert [secret.variable for secret in one().secrets] == ["OPENAI_API_KEY"]
    assert [secret.variable for secret in one(api_key="os.environ/MINE").secrets] == ["MINE"]
    assert [secret.variable for secret in one(api_key="sk-1").secrets] == [""]
    odd = one(api_key="os.environ/$(rm -rf ~)").secrets
    assert [secret.variable for secret in odd] == [""]


def test_custom_llm_provider_says_what_no_prefix_does() -> None:
    conversion = one(model="x", custom_llm_provider="hosted_vllm", api_base="http://h/v1")
    assert conversion.settings["models"]["m"]["targets"] == [
        {"provider": "hosted-vllm", "model": "x"}
    ]


def test_equal_entries_become_one_target() -> None:
    entry = {"model_name": "m", "litellm_params": {"model": "openai/gpt-4o"}}
    conversion = converted({"model_list": [entry, entry]}, {})
    assert conversion.settings["models"]["m"]["targets"] == [
        {"provider": "openai", "model": "gpt-4o"}
    ]
