"""A stream is fenced by moving its subjects away, and given back as it was."""

from aiex.engine.stream_fence import fenced_by, fenced_config, open_config

CONFIG = {"name": "KV_keys", "subjects": ["$KV.keys.>"], "metadata": {"_nats.level": "0"}}


def test_a_fenced_stream_takes_nothing_that_was_sent_to_it_before() -> None:
    fenced = fenced_config(CONFIG, "move-1")
    assert fenced["subjects"] == ["aiex_fenced.KV_keys"]
    assert fenced_by(fenced) == "move-1"


def test_it_is_given_back_as_it_was() -> None:
    assert open_config(fenced_config(CONFIG, "move-1")) == CONFIG


def test_a_fence_of_another_move_does_not_forget_the_subjects() -> None:
    twice = fenced_config(fenced_config(CONFIG, "move-1"), "move-2")
    assert fenced_by(twice) == "move-2"
    assert open_config(twice) == CONFIG


def test_a_stream_without_a_fence_is_open() -> None:
    assert fenced_by(CONFIG) == ""
    assert open_config(CONFIG) == CONFIG
