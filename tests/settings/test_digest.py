"""Settings by digest: the same for the same, another for another, and nothing of a secret."""

from pathlib import Path

from aiex.settings import Settings, load, settings_digest, shared_digest


def digest(**environment: str) -> dict[str, str]:
    given = {f"AIEX_{name.upper()}": value for name, value in environment.items()}
    return settings_digest(load(None, given, {}).settings)


def differing(**environment: str) -> list[str]:
    before, after = digest(), digest(**environment)
    return [section for section in before if before[section] != after[section]]


def test_each_section_has_one() -> None:
    assert list(digest()) == list(Settings.__struct_fields__)
    assert {len(one) for one in digest().values()} == {16}


def test_a_setting_changes_the_digest_of_its_section_alone() -> None:
    assert differing(api__in_flight_max="7") == ["api"]
    assert differing(providers='{"m": {"kind": "mock"}}') == ["providers"]


def test_what_is_a_nodes_own_changes_none() -> None:
    assert differing(node__name="n7", node__zone="b", node__data_dir="/else") == []
    assert differing(node__drain_deadline_s="7") == ["node"]


def test_a_secret_is_not_in_it() -> None:
    one = digest(api__key="zqSECRET", engine__url="nats://me:one@host")
    other = digest(api__key="another", engine__url="nats://me:two@host")
    assert one == other


def test_the_order_in_which_a_file_says_it_means_nothing(tmp_path: Path) -> None:
    seen = []
    for number, names in enumerate((("a", "b"), ("b", "a"))):
        file = tmp_path / f"{number}.toml"
        file.write_text("".join(f'[providers.{name}]\nkind = "mock"\n' for name in names))
        seen.append(settings_digest(load(file, {}, {}).settings))
    assert seen[0] == seen[1]


def shared(**environment: str) -> dict[str, str]:
    given = {f"AIEX_{name.upper()}": value for name, value in environment.items()}
    return shared_digest(load(None, given, {}).settings)


def test_what_all_nodes_must_have_alike_is_told_by_name() -> None:
    before = shared()

    def differing(**environment: str) -> set[str]:
        after = shared(**environment)
        return {name for name in before if after[name] != before[name]}

    assert differing(cluster__carriers="5") == {"cluster.carriers"}
    assert differing(limits__concurrency="7") == {"limits"}
    assert differing(node__name="n7", cluster__route_port="7", api__in_flight_max="7") == set()


def test_ports_of_one_machine_are_each_nodes_own() -> None:
    assert "cluster.client_port" in shared(cluster__discovery="none")
    assert "cluster.client_port" not in shared(cluster__discovery="local")
