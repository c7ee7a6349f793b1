"""What the acceptance is told, by arguments and variables."""

from pathlib import Path

import pytest

from tests.k8s.options import ImageName, Options, image_name, options
from tests.k8s.release import release_values


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    file = tmp_path / "config"
    file.touch()
    return str(file)


def given(kubeconfig: str, *arguments: str, **variables: str) -> Options:
    return options(arguments, {"KUBECONFIG": kubeconfig, "IMAGE": "aiex:1", **variables})


@pytest.mark.parametrize(
    ("text", "parts", "name"),
    [
        ("aiex:1.2", ImageName("aiex", "1.2"), "aiex:1.2"),
        ("host:5000/team/aiex:3", ImageName("host:5000/team/aiex", "3"), "host:5000/team/aiex:3"),
        ("h:5/aiex:1@sha256:ab", ImageName("h:5/aiex", "1", "sha256:ab"), "h:5/aiex@sha256:ab"),
        ("aiex@sha256:ab", ImageName("aiex", "", "sha256:ab"), "aiex@sha256:ab"),
    ],
)
def test_an_image_comes_apart_into_what_the_chart_takes(
    text: str, parts: ImageName, name: str
) -> None:
    assert image_name(text) == parts
    assert parts.name == name


def test_variables_of_make_are_options(kubeconfig: str) -> None:
    told = given(kubeconfig, NATS_IMAGE="n:2", NAMESPACE="mine", STEPS="chat,drain", KEEP="1")
    assert (told.nats_image.name, told.namespace, told.outside) == ("n:2", "mine", "mine-outside")
    assert (told.steps, told.is_kept, told.is_json) == (("chat", "drain"), True, False)


def test_arguments_win_over_variables(kubeconfig: str) -> None:
    told = given(kubeconfig, "--image", "other:2", "-o", "json")
    assert (told.image.name, told.image_next.name, told.is_json) == ("other:2", "other:2", True)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"IMAGE": ""}, "KUBECONFIG and IMAGE are wanted"),
        ({"KUBECONFIG": ""}, "KUBECONFIG and IMAGE are wanted"),
        ({"KUBECONFIG": "/no/such/file"}, "KUBECONFIG names no file"),
        ({"REGISTRY_CONFIG": "/no/such/file"}, "REGISTRY_CONFIG names no file"),
        ({"NATS_IMAGE": "host:5000/nats"}, "host:5000/nats has neither a tag nor a digest"),
        ({"OUTPUT": "xml"}, "OUTPUT is text or json"),
        ({"KILL_BY": "magic"}, "KILL_BY is host or delete"),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    kubeconfig: str,
    variables: dict[str, str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        options([], {"KUBECONFIG": kubeconfig, "IMAGE": "aiex:1", **variables})
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_values_name_no_image_but_those_given(kubeconfig: str) -> None:
    values = release_values(given(kubeconfig, IMAGE="r/aiex:3", NATS_IMAGE="r/nats:2@sha256:ab"))
    assert values["image"]["repository"] == "r/aiex"
    assert values["image"]["pullPolicy"] == "IfNotPresent"
    assert values["nats"]["image"] == {"repository": "r/nats", "tag": "2", "digest": "sha256:ab"}
