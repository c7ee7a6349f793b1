"""What a seed gives: names that tell nothing, sources that still do what they did."""

import ast
import json
import re

import msgspec
import pytest

from aiex.performance import Finding
from aiex.settings import load
from examples.trouble.catalogue import BY_KIND, FAULTS
from examples.trouble.disguise import defined_classes, defined_functions, disguised, renamed
from examples.trouble.fault import Fault
from examples.trouble.plan import BYSTANDERS, SOURCES, Plan, drawn_plan

GUESTS = [fault for fault in FAULTS if fault.place == "guest"]


def by_kind(fault: Fault) -> str:
    return fault.kind


def settings_flags(plan: Plan) -> dict[str, str]:
    return {name: json.dumps(section) for name, section in plan.settings.items() if section}


@pytest.mark.parametrize("fault", GUESTS, ids=by_kind)
def test_nothing_in_a_planted_source_tells_what_it_was(fault: Fault) -> None:
    original = (SOURCES / f"{fault.kind}.py").read_text()
    plan = drawn_plan(3, [fault.kind])
    planted = next(one for one in plan.plantings if one.service == plan.truths[0].service)
    words = set(re.findall(r"\w+", planted.source))
    assert not words & {*defined_classes(original), *defined_functions(original)}
    assert "#" not in planted.source
    assert '"""' not in planted.source
    assert len(planted.source.splitlines()) > 10


@pytest.mark.parametrize("fault", GUESTS, ids=by_kind)
def test_the_truth_is_a_function_of_the_planted_module(fault: Fault) -> None:
    plan = drawn_plan(3, [fault.kind])
    truth = plan.truths[0]
    planted = next(one for one in plan.plantings if one.service == truth.service)
    found = set(_qualified_names(ast.parse(planted.source)))
    assert {one.partition(":")[2] for one in truth.functions} <= found
    assert {one.partition(":")[0] for one in truth.functions} <= {planted.module}
    assert truth.functions or truth.mentions == planted.service


@pytest.mark.parametrize("fault", FAULTS, ids=by_kind)
def test_strengths_are_within_what_matters(fault: Fault) -> None:
    for seed in range(20):
        strengths = drawn_plan(seed, [fault.kind]).truths[0].strengths
        for name, range_ in fault.strengths.items():
            assert range_.least <= strengths[name] <= range_.most


@pytest.mark.parametrize("fault", FAULTS, ids=by_kind)
def test_every_plan_has_settings_that_a_node_takes(fault: Fault) -> None:
    settings = load(None, {}, settings_flags(drawn_plan(5, [fault.kind]))).settings
    assert len(settings.providers) == 2


@pytest.mark.parametrize("fault", FAULTS, ids=by_kind)
def test_the_analysis_knows_every_planted_cause(fault: Fault) -> None:
    for cause in fault.causes:
        found = msgspec.convert({"cause": cause, "text": "", "confidence": 1.0}, Finding)
        assert found.cause == cause


def test_one_seed_gives_one_plan_and_another_gives_other_names() -> None:
    assert drawn_plan(1, ["sleep"]) == drawn_plan(1, ["sleep"])
    assert (
        drawn_plan(1, ["sleep"]).truths[0].functions != drawn_plan(2, ["sleep"]).truths[0].functions
    )


def test_bystanders_are_beside_every_fault_and_alone_on_a_healthy_node() -> None:
    assert len(drawn_plan(1, []).plantings) == BYSTANDERS
    assert len(drawn_plan(1, ["sleep", "deadlock"]).plantings) == BYSTANDERS + 2


def test_two_guests_share_no_name() -> None:
    plan = drawn_plan(1, ["sleep", "leak_list"])
    defined = [
        name
        for one in plan.plantings
        for name in (*defined_classes(one.source), *defined_functions(one.source), one.module)
    ]
    assert len(defined) == len(set(defined))


def test_a_flood_comes_from_one_key_and_meets_few_places() -> None:
    plan = drawn_plan(1, ["flood"])
    assert plan.traffic.flooding_key == plan.truths[0].mentions
    assert plan.traffic.flooding_key in plan.traffic.keys
    assert plan.traffic.flood_per_s == plan.truths[0].strengths["rate_per_s"]


def test_a_slow_provider_is_slow_alone() -> None:
    plan = drawn_plan(1, ["slow_provider"])
    providers = load(None, {}, settings_flags(plan)).settings.providers
    slow = [name for name, one in providers.items() if one.latency_ms > 1000]
    assert slow == [plan.truths[0].mentions]


def test_a_disguise_leaves_what_belongs_to_others() -> None:
    source = (
        "class A:\n"
        "    def run(self): return self.beat(other.beat)\n"
        "    def beat(self, of): 'Told.'\n"
    )
    text = disguised(source, {"A": "B", "beat": "go"})
    assert "class B" in text
    assert "self.go(other.beat)" in text
    assert "def run" in text
    assert "Told" not in text
    assert renamed("A.beat", {"A": "B", "beat": "go"}) == "B.go"
    compile(text, "a disguise", "exec")


def test_every_module_of_faults_is_in_the_catalogue() -> None:
    modules = {file.stem for file in SOURCES.glob("[a-z]*.py")}
    assert modules == {one.kind for one in GUESTS} | {"bystander"}
    assert set(BY_KIND) >= modules - {"bystander"}


def _qualified_names(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for one in tree.body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(one.name)
        if isinstance(one, ast.ClassDef):
            methods = [
                each
                for each in one.body
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            found += [f"{one.name}.{each.name}" for each in methods]
    return found
