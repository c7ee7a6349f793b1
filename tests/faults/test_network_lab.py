"""The lab: machines that reach each other, cuts both ways and one way, and no trace of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiex.testing.machine import HttpConnection
from aiex.testing.namespaces import NamespacesUnavailable
from aiex.testing.network_lab import LabMachine, NetworkLab
from aiex.testing.node_process import is_running, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.fault]

NAMES = ("a", "b", "c")
PORT = 7000
ARRIVES_S = 5.0
# A SYN that is dropped is repeated after 1 s.
LOST_S = 0.3

type MakeLab = Callable[[], NetworkLab]


@pytest.fixture
def make_lab(tmp_path_factory: pytest.TempPathFactory, lab_programs: None) -> Iterator[MakeLab]:
    made: list[NetworkLab] = []

    def make() -> NetworkLab:
        try:
            made.append(NetworkLab(tmp_path_factory.mktemp("lab"), NAMES))
        except NamespacesUnavailable as error:
            pytest.skip(str(error))
        return made[-1]

    yield make
    for lab in made:
        lab.__exit__()


@pytest.fixture
def lab(make_lab: MakeLab) -> NetworkLab:
    return make_lab()


def reaches(source: LabMachine, target: LabMachine, timeout_s: float = ARRIVES_S) -> bool:
    """Whether a connection can be made; it takes both ways."""
    with target.open_socket() as listening:
        listening.bind((target.address, PORT))
        listening.listen()
        try:
            source.connect_to(target.address, PORT, timeout_s).close()
        except TimeoutError:
            return False
    return True


def test_machines_reach_each_other_and_nothing_else_is_there(lab: NetworkLab) -> None:
    a, b, c = lab.machines.values()
    assert reaches(a, b)
    assert reaches(c, a)
    links = subprocess.run(
        a.command(["ip", "-brief", "link"]), capture_output=True, text=True, check=True
    )
    assert sorted(line.split("@")[0].split()[0] for line in links.stdout.splitlines()) == [
        "eth0",
        "lo",
    ]
    with pytest.raises(OSError, match="unreachable"):
        a.connect_to("192.0.2.1", 80, ARRIVES_S)


def test_a_cut_is_silent_and_meets_only_the_two(lab: NetworkLab) -> None:
    a, b, c = lab.machines.values()
    lab.cut("a", "b")
    assert not reaches(a, b, LOST_S)
    assert not reaches(b, a, LOST_S)
    assert reaches(a, c)
    assert reaches(b, c)
    lab.heal()
    assert reaches(a, b)
    assert lab.cuts == frozenset()


def test_one_way_data_still_arrives_the_other_way(lab: NetworkLab) -> None:
    a, b, _ = lab.machines.values()
    with b.open_socket() as listening:
        listening.bind((b.address, PORT))
        listening.listen()
        with a.connect_to(b.address, PORT, ARRIVES_S) as near:
            far, _address = listening.accept()
            with far:
                lab.cut_one_way("a", "b")
                near.sendall(b"lost")
                far.sendall(b"heard")
                far.settimeout(LOST_S)
                assert near.recv(100) == b"heard"
                with pytest.raises(TimeoutError):
                    far.recv(100)
                lab.heal()
                far.settimeout(ARRIVES_S)
                assert far.recv(100) == b"lost"


def test_all_can_be_parted_and_one_way_mended(lab: NetworkLab) -> None:
    a, b, c = lab.machines.values()
    lab.cut_all()
    assert not any(reaches(one, other, LOST_S) for one, other in ((a, b), (b, c), (c, a)))
    lab.mend([("a", "b"), ("b", "a")])
    assert reaches(a, b)
    assert not reaches(b, c, LOST_S)
    lab.heal()
    lab.cut_off("c")
    assert reaches(b, a)
    assert not reaches(c, a, LOST_S)


def test_a_machine_gets_another_address_and_cuts_hold_for_it_too(lab: NetworkLab) -> None:
    a, b, _ = lab.machines.values()
    before = a.address
    a.change_address()
    assert a.address != before
    assert reaches(a, b)
    assert reaches(b, a)
    with pytest.raises(OSError, match=r"No route|timed out"):
        b.connect_to(before, PORT, LOST_S)
    lab.cut("a", "b")
    assert not reaches(b, a, LOST_S)


def test_a_machine_is_found_by_its_name_wherever_it_is_by_now(lab: NetworkLab) -> None:
    machine = lab.machines["b"]
    for _ in range(2):
        asked = lab.machines["a"].command(["getent", "hosts", "b"])
        found = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
        assert found.stdout.split() == [machine.address, "b"]
        machine.change_address()


def test_each_machine_has_a_disc_of_its_own_that_can_be_full(lab: NetworkLab) -> None:
    a, b, _ = lab.machines.values()
    write = ["sh", "-c", 'printf "%s" "$1" > "$0"']
    subprocess.run(a.command([*write, str(a.disc / "note"), "mine"]), check=True)
    assert a.path(a.disc / "note").read_text() == "mine"
    assert not (a.disc / "note").exists(), "it is seen outside"
    a.fill_disc()
    assert os.statvfs(a.path(a.disc)).f_bavail == 0
    full = subprocess.run(
        a.command([*write, str(a.disc / "more"), "x" * 5000]), stderr=subprocess.DEVNULL
    )
    assert full.returncode
    subprocess.run(b.command([*write, str(b.disc / "more"), "x"]), check=True)
    a.free_disc()
    subprocess.run(a.command([*write, str(a.disc / "more"), "x"]), check=True)
    a.clear_disc()
    assert list(a.path(a.disc).iterdir()) == []


def test_two_labs_at_once_do_not_meet(make_lab: MakeLab) -> None:
    one, other = make_lab(), make_lab()
    one.cut_all()
    near, far = other.machines["a"], other.machines["b"]
    assert one.machines["a"].address == near.address
    assert reaches(near, far)
    assert not reaches(one.machines["a"], one.machines["b"], LOST_S)


def test_all_that_runs_inside_is_killed_at_the_end(lab: NetworkLab) -> None:
    machine = lab.machines["a"]
    inside = subprocess.Popen(machine.command(["sleep", "1000"]))
    wait_until(lambda: inside.pid in machine.inhabitants(), ARRIVES_S, "it is inside")
    machine.kill_all()
    assert inside.wait(ARRIVES_S) == -signal.SIGKILL


CRASHING = """
import subprocess, sys, time
from pathlib import Path
from aiex.testing.network_lab import NetworkLab
machine = NetworkLab(Path(sys.argv[1]), ["a"]).machines["a"]
inside = subprocess.Popen(machine.command(["sleep", "1000"]))
while inside.pid not in machine.inhabitants():
    time.sleep(0.01)
print(inside.pid, flush=True)
time.sleep(1000)
"""


def test_a_test_run_that_is_killed_leaves_nothing(tmp_path: Path, lab: NetworkLab) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(tmp_path / "crashing")],
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        inside = int(run.stdout.readline())
        network = Path(f"/proc/{inside}/ns/net").stat()
        assert is_running(inside)
        run.kill()
        run.wait(ARRIVES_S)
    wait_until(lambda: not is_running(inside), ARRIVES_S, "what ran inside is gone")

    def holders() -> list[str]:
        found = []
        for process in Path("/proc").glob("[0-9]*/ns/net"):
            try:
                if os.path.samestat(process.stat(), network):
                    found.append(str(process))
            except OSError:
                continue
        return found

    assert holders() == []


def test_the_test_speaks_to_a_machine_whatever_is_cut(lab: NetworkLab) -> None:
    lab.cut_all()
    machine = lab.machines["b"]
    server = [sys.executable, "-m", "http.server", "8000", "--bind", "127.0.0.1"]
    with subprocess.Popen(
        machine.command([*server, "--directory", str(machine.disc)]), stderr=subprocess.DEVNULL
    ) as process:

        def is_answered() -> bool:
            connection = HttpConnection(machine, 8000, ARRIVES_S)
            try:
                connection.request("GET", "/")
                return connection.getresponse().status == 200
            except ConnectionRefusedError:
                return False
            finally:
                connection.close()

        wait_until(is_answered, 10 * ARRIVES_S, "an answer")
        process.kill()
