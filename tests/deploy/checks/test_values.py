from scripts.chart.templates import Templates
from scripts.chart.values import Values

TEXT = """\
# -- How many.
replicas: 3

image:
  # -- Where it is,
  # and of whom.
  repository: aiex
  tag: ""

# -- What it may use.
resources:
  limits:
    cpu: "2"
# Not a meaning.
settings: {}
#  log:
#    level: info
"""
VALUES = Values(TEXT)


def uses(text: str) -> Templates:
    return Templates({"templates/one.yaml": text})


def test_a_values_meaning_is_the_comment_above_it() -> None:
    meanings = {one.name: one.meaning for one in VALUES.leaves}
    assert meanings["replicas"] == "How many."
    assert meanings["image.repository"] == "Where it is, and of whom."
    assert meanings["image.tag"] == ""


def test_all_below_a_key_with_a_meaning_is_one_value() -> None:
    assert [one.name for one in VALUES.leaves] == [
        "replicas",
        "image.repository",
        "image.tag",
        "resources",
        "settings",
    ]


def test_a_value_without_a_meaning_is_named() -> None:
    told = list(VALUES.untold())
    assert len(told) == 2
    assert "image.tag" in told[0]
    assert "settings" in told[1]


def test_a_value_that_no_template_reads_is_named() -> None:
    templates = uses(
        "{{ .Values.replicas }} {{ with .Values.image }}{{ .repository }}{{ end }}"
        "{{ toYaml .Values.resources }}{{ .Values.settings.log }}"
    )
    assert list(templates.unused(VALUES)) == ["values.yaml: image.tag is used in no template"]


def test_a_comment_of_a_template_reads_nothing() -> None:
    templates = uses("{{/* .Values.replicas */}} # .Values.image.tag")
    assert len(list(templates.unused(VALUES))) == 5


def test_a_value_that_is_not_there_is_named_and_one_of_a_free_mapping_is_not() -> None:
    templates = uses("{{ .Values.image.tagg }} {{ .Values.settings.providers }}")
    assert list(templates.unknown(VALUES)) == [
        "templates/one.yaml: .Values.image.tagg is not in values.yaml"
    ]


def test_what_changes_at_each_rendering_is_found_wherever_it_is() -> None:
    changing = (
        '{{ lookup "v1" "Secret" "a" "b" }}',
        "{{- $password := randAlphaNum 20 -}}",
        "{{ genCA .Name 365 }}",
        "{{ if .Release.IsInstall }}x{{ end }}",
        "{{ now | date }}",
    )
    for text in changing:
        assert list(uses(text).changing()), text


def test_words_and_comments_change_nothing() -> None:
    assert not list(uses('now {{/* lookup */}} {{ "now and then" }} {{ .Values.now }}').changing())
