"""The node's hot values: settings give the defaults, a change takes effect where it is read."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from aiex.assistant import Catalogue, KeyRing, Targets, default_limits
from aiex.errors import HotValueInvalid
from aiex.fastglobal import HISTORY, FastGlobal
from aiex.node.hot_values import HotValues, apply_hot_values, hot_schema, overridden
from aiex.settings import (
    LimitsSettings,
    ModelSettings,
    NodeSettings,
    ProviderSettings,
    Settings,
    TargetSettings,
)
from aiex.telemetry import LogWriter, Telemetry
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock
from aiex.testing.running import running
from aiex.testing.store_memory import MemoryStore

SETTINGS = Settings(
    node=NodeSettings(drain_deadline_s=12.0),
    providers={"a": ProviderSettings(kind="mock"), "b": ProviderSettings(kind="mock")},
    models={
        "smart": ModelSettings(
            targets=(TargetSettings("a", "big", 3.0), TargetSettings("b", "big", 1.0))
        ),
        "small": ModelSettings(targets=(TargetSettings("a"),)),
    },
    limits=LimitsSettings(requests_per_minute=60),
)


class Stage:
    """Hot values and the parts that follow them."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.catalogue = Catalogue(SETTINGS)
        self.hot: FastGlobal[HotValues] = FastGlobal(
            hot_schema(SETTINGS, self.catalogue),
            MemoryBucket(HISTORY),
            node="n1",
            clock=self.clock,
            emit=lambda _: None,
        )
        self.keys = KeyRing(
            MemoryStore(self.clock),
            cache_file=directory / "keys.json",
            key_of_setting="k",
            clock=self.clock,
            emit=lambda _: None,
            default_limits=default_limits(SETTINGS.limits),
        )
        self.telemetry = Telemetry(
            LogWriter(io.BytesIO()), node="n1", version="1", has_access_log=True
        )
        self.targets = Targets(
            self.catalogue, clock=self.clock, random=Random(7), emit=lambda _: None
        )
        apply_hot_values(self.hot, self.telemetry, self.keys, self.catalogue)

    def first_choices(self, count: int = 200) -> dict[str, int]:
        """Which target of `smart` is asked first how often."""
        found: dict[str, int] = {}
        for _ in range(count):
            model = self.catalogue.model("smart")
            first = next(self.targets.ordered(model, is_stream=False))
            found[first.name] = found.get(first.name, 0) + 1
        return found


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    level, root_level = logging.getLogger("aiex").level, logging.getLogger().level
    yield Stage(tmp_path)
    logging.getLogger("aiex").setLevel(level)
    logging.getLogger().setLevel(root_level)


def test_without_a_hot_value_the_settings_are_in_force(stage: Stage) -> None:
    ns = stage.hot.ns
    assert (ns.log_level, ns.access_log, ns.drain_deadline_s) == ("info", True, 12.0)
    assert ns.default_limits == SETTINGS.limits
    assert list(overridden(stage.hot, stage.catalogue)) == []


def test_every_key_says_what_it_means_and_which_setting_it_overrides(stage: Stage) -> None:
    for key in stage.hot.schema.keys.values():
        assert key.meaning.endswith(".")
        section, _, name = key.setting.partition(".")
        assert section in Settings.__struct_fields__
        assert not name or name in getattr(Settings(), section).__struct_fields__


async def test_the_log_level_is_another_at_once(stage: Stage) -> None:
    async with running([stage.hot]):
        await stage.hot.put("log_level", "debug")
        assert logging.getLogger("aiex").level == logging.DEBUG
        await stage.hot.reset("log_level")
        assert logging.getLogger("aiex").level == logging.INFO


async def test_limits_of_keys_that_say_nothing_change_together(stage: Stage) -> None:
    async with running([stage.hot]):
        _, record = await stage.keys.create("laptop", by="admin")
        await stage.hot.put("default_limits", LimitsSettings(concurrency=5, budget_usd=1.5))
        for key_id in (record.id, "setting"):
            limits = stage.keys.limits(key_id)
            assert (limits.requests_per_minute, limits.concurrency) == (0, 5)
            assert limits.budget_micro_usd == 1_500_000
        await stage.hot.reset("default_limits")
        assert stage.keys.limits(record.id).requests_per_minute == 60


async def test_weights_decide_where_the_next_request_goes(stage: Stage) -> None:
    async with running([stage.hot]):
        assert set(stage.first_choices()) == {"a/big", "b/big"}
        await stage.hot.put("target_weights", {"smart": {"a/big": 0}})
        assert stage.first_choices() == {"b/big": 200}
        assert [one.weight for one in stage.catalogue.weighed()[0].targets] == [0.0, 1.0]
        await stage.hot.put("target_weights", {"smart": {"b/big": 0}})
        assert stage.first_choices() == {"a/big": 200}
        await stage.hot.reset("target_weights")
        assert stage.catalogue.models() == stage.catalogue.configured()


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"smrat": {"a/big": 1}}, "there is no model 'smrat'; did you mean 'smart'"),
        ({"smart": {"a/bgi": 1}}, "'smart' has no target 'a/bgi'; did you mean 'a/big'"),
        ({"smart": {"zzz": 1}}, "'smart' has no target 'zzz'; there are a/big, b/big"),
        ({"smart": {"a/big": 0, "b/big": 0}}, "no target of 'smart' would be left"),
        ({"small": {"a/small": 0}}, "no target of 'small' would be left"),
        ({"smart": {"a/big": -1}}, "expected float >= 0"),
    ],
)
async def test_weights_that_send_requests_nowhere_are_refused(
    stage: Stage, weights: dict[str, dict[str, float]], words: str
) -> None:
    with pytest.raises(HotValueInvalid) as raised:
        await stage.hot.put("target_weights", weights)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("default_limits", {"budget_usd": 0.0000001}, "at most six decimals"),
        ("default_limits", {"models": ["a*b"]}, "followed by one"),
        ("default_limits", {"concurency": 1}, "unknown field concurency"),
        ("drain_deadline_s", 3601, "a number from 0 to 3,600"),
        ("access_log", "yes", "true or false"),
    ],
)
async def test_what_the_settings_would_refuse_is_refused(
    stage: Stage, key: str, value: object, words: str
) -> None:
    with pytest.raises(HotValueInvalid) as raised:
        await stage.hot.put(key, value)
    assert words in str(raised.value)


async def test_what_is_in_force_instead_of_which_setting_can_be_told(stage: Stage) -> None:
    async with running([stage.hot]):
        await stage.hot.put("log_level", "debug")
        limits = msgspec.structs.replace(SETTINGS.limits, concurrency=5)
        await stage.hot.put("default_limits", limits)
        await stage.hot.put("target_weights", {"smart": {"b/big": 7, "a/big": 3}})
        assert list(overridden(stage.hot, stage.catalogue)) == [
            ("log.level", "debug", "log_level"),
            ("limits.concurrency", 5, "default_limits"),
            ("models.smart.targets.1.weight", 7.0, "target_weights"),
        ]
