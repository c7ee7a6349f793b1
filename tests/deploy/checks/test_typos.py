from scripts.chart.typos import accepted, misspelt, mistyped, stale
from scripts.chart.values import Values

VALUES = Values("image:\n  tag: a\npullSecrets: []\n")
STRICT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "image": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"tag": {"type": "string"}},
        },
        "pullSecrets": {"type": "array"},
    },
}


def test_each_key_is_misspelt_once_and_a_strict_schema_takes_none() -> None:
    assert [one.values for one in misspelt(VALUES)] == [
        {"imagex": {"tag": "a"}, "pullSecrets": []},
        {"image": {"tagx": "a"}, "pullSecrets": []},
        {"image": {"tag": "a"}, "pullSecretsx": []},
    ]
    assert accepted(misspelt(VALUES), STRICT) == (3, [])


def test_an_open_mapping_is_named() -> None:
    schema = {**STRICT, "properties": {**STRICT["properties"], "image": {"type": "object"}}}  # type: ignore[dict-item]
    assert accepted(misspelt(VALUES), schema) == (3, ["image.tagx"])


def test_a_value_of_another_kind_is_refused_or_named() -> None:
    assert accepted(mistyped(VALUES), STRICT) == (3, [])
    loose = {"properties": {"image": {"type": "object"}, "pullSecrets": {"type": "array"}}}
    assert accepted(mistyped(VALUES), loose) == (3, ["image.tag: [[a]]"])


def test_a_free_mapping_that_is_gone_is_named() -> None:
    assert any("api.ingress.annotations" in one for one in stale(VALUES))
