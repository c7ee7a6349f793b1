"""Machines in network namespaces of their own, and a network between them that can be cut.

          ┌──────────────── router ────────────────┐        cuts are rules of the router: it drops
          │ 10.77.1.1     10.77.2.1      10.77.3.1 │        what comes from one machine's link for
          └─────┬─────────────┬──────────────┬─────┘        another's network, without a word, as a
           10.77.1.2     10.77.2.2      10.77.3.2           broken cable does
            machine       machine        machine

Each machine has a loopback of its own, so all may use the same ports, and a small disc (tmpfs) that
only its processes see. By its name it is found from all of them, at the address of just now. The
test stays outside: it opens sockets inside a machine (`connect`), which no cut affects.

Nothing of a lab has a name on the machine that it runs on. Namespaces and discs are held by this
process's descriptors and by the processes inside, which the kernel kills when the thread that
started them ends: whatever becomes of a test run, no lab outlives it, and labs do not meet.

Linux as root only. It neither delays packets nor loses some of them: that takes `tc netem`, which
kernels without `CONFIG_NET_SCH_NETEM` lack; the storms of `aiex.testing.simulated_network` have
both.
"""

import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Self

from aiex.testing.namespaces import held, in_thread, inside, ip, new_network, program, run

DISC_BYTES = 64 * 1024 * 1024
BALLAST = "ballast"
END_S = 10.0
POLL_S = 0.01


class LabMachine:
    """One machine of a lab. Its files are below `disc`, at the same path inside and for `path`.

    `hosts` is the lab's list of names and addresses, and inside that of the machine.
    """

    def __init__(self, name: str, number: int, disc: Path, disc_bytes: int, hosts: Path) -> None:
        self.name = name
        self.number = number
        self.disc = disc
        self._hosts = hosts
        self._host_part = 2
        disc.mkdir(parents=True)
        with contextlib.ExitStack() as made:
            self.network = in_thread(new_network)
            made.callback(os.close, self.network)
            self._mounts, self._disc = in_thread(lambda: _new_disc(disc, disc_bytes, hosts))
            made.callback(os.close, self._mounts)
            made.callback(os.close, self._disc)
            self._descriptors = made.pop_all()
        self._tell_address()

    @property
    def address(self) -> str:
        """Where the other machines reach it."""
        return f"10.77.{self.number}.{self._host_part}"

    @property
    def subnet(self) -> str:
        return f"10.77.{self.number}.0/24"

    @property
    def link(self) -> str:
        """The router's end of its cable."""
        return f"machine{self.number}"

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv` inside; killed by the kernel when the thread that starts it ends."""
        inside = [f"--net={held(self.network)}", f"--mount={held(self._mounts)}"]
        killed_with_us = [program("setpriv"), "--pdeathsig", "KILL", program("nsenter")]
        return [*killed_with_us, *inside, "--", *argv]

    def connect(self, port: int, timeout_s: float) -> socket.socket:
        """A connection to its loopback, whatever is cut; raises `OSError`."""
        return self.connect_to("127.0.0.1", port, timeout_s)

    def connect_to(self, address: str, port: int, timeout_s: float) -> socket.socket:
        """A connection from this machine to anywhere; raises `OSError`."""
        opened = self.open_socket()
        try:
            opened.settimeout(timeout_s)
            opened.connect((address, port))
        except BaseException:
            opened.close()
            raise
        return opened

    def open_socket(self) -> socket.socket:
        """A TCP socket of this machine; it stays there, whoever uses it."""
        with inside(self.network):
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def path(self, path: Path) -> Path:
        if not path.is_relative_to(self.disc):
            return path
        return Path(f"/proc/self/fd/{self._disc}") / path.relative_to(self.disc)

    def fill_disc(self) -> None:
        """Leave no room on its disc."""
        room = os.statvfs(self._disc)
        with self.path(self.disc / BALLAST).open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(1, room.f_bavail * room.f_frsize))

    def free_disc(self) -> None:
        """Undo `fill_disc`."""
        self.path(self.disc / BALLAST).unlink(missing_ok=True)

    def clear_disc(self) -> None:
        """All files are gone, as on a machine that was replaced."""
        for entry in self.path(self.disc).iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def change_address(self) -> None:
        """Another address in the same place; connections from and to the old one are dead."""
        old = self.address
        # The last one is 10.77.n.254; labs are not that old.
        self._host_part += 1
        ip(
            self.network,
            f"address del {old}/24 dev eth0",
            f"address add {self.address}/24 dev eth0",
            f"route replace default via 10.77.{self.number}.1",
        )
        self._tell_address()

    def inhabitants(self) -> list[int]:
        """The ids of the processes inside."""
        own = os.fstat(self.network)
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with contextlib.suppress(OSError):
                    if os.path.samestat((process / "ns/net").stat(), own):
                        found.append(int(process.name))
        return found

    def kill_all(self) -> None:
        """Kill all processes inside, at once and for good."""
        give_up_at_s = time.monotonic() + END_S
        while (left := self.inhabitants()) and time.monotonic() < give_up_at_s:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_S)

    def close(self) -> None:
        """Kill what is inside and let go of the machine."""
        self.kill_all()
        self._descriptors.close()

    def _tell_address(self) -> None:
        others = [
            line for line in self._hosts.read_text().splitlines() if line.split()[1] != self.name
        ]
        # The very file that the machines have: another one in its place they would not see.
        self._hosts.write_text("\n".join([*others, f"{self.address} {self.name}", ""]))


class NetworkLab:
    """Machines by name, and the cables between them; use it in a `with` block."""

    def __init__(self, directory: Path, names: Iterable[str], disc_bytes: int = DISC_BYTES) -> None:
        self._cuts: frozenset[tuple[str, str]] = frozenset()
        self.machines: dict[str, LabMachine] = {}
        hosts = directory / "hosts"
        directory.mkdir(parents=True, exist_ok=True)
        hosts.write_text("127.0.0.1 localhost\n")
        with contextlib.ExitStack() as made:
            self._router = in_thread(new_network)
            made.callback(os.close, self._router)
            with inside(self._router):
                Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            for number, name in enumerate(names, 1):
                machine = LabMachine(name, number, directory / name, disc_bytes, hosts)
                made.callback(machine.close)
                self.machines[name] = machine
                self._connect(machine)
            self._made = made.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.close()

    @property
    def cuts(self) -> frozenset[tuple[str, str]]:
        """From whom nothing reaches whom now."""
        return self._cuts

    def cut(self, one: str, other: str) -> None:
        """Nothing gets from one to the other, nor back."""
        self._apply(self._cuts | {(one, other), (other, one)})

    def cut_one_way(self, source: str, target: str) -> None:
        """Nothing gets from `source` to `target`; the other way is open."""
        self._apply(self._cuts | {(source, target)})

    def cut_off(self, *names: str) -> None:
        """These are parted from all others, and not from each other."""
        others = self.machines.keys() - set(names)
        pairs = {(one, other) for one in names for other in others}
        self._apply(self._cuts | pairs | {(other, one) for one, other in pairs})

    def cut_all(self) -> None:
        """Each machine is alone."""
        self._apply(self._cuts | set(permutations(self.machines, 2)))

    @contextlib.contextmanager
    def firewall(self, one: str, other: str, port: int) -> Iterator[None]:
        """Until the block ends, nothing gets to that port of either from the other one."""
        ends = [(self.machines[one], self.machines[other])]
        ends.append(ends[0][::-1])
        rules = [
            f"iif {source.link} to {target.subnet} ipproto tcp dport {port} blackhole"
            for source, target in ends
        ]
        ip(self._router, *(f"rule add {rule}" for rule in rules))
        try:
            yield
        finally:
            ip(self._router, *(f"rule del {rule}" for rule in rules))

    def heal(self) -> None:
        """All cables are whole again."""
        self._apply(frozenset())

    def mend(self, cuts: Iterable[tuple[str, str]]) -> None:
        """These ways are open again."""
        self._apply(self._cuts - set(cuts))

    def _connect(self, machine: LabMachine) -> None:
        gateway = f"10.77.{machine.number}.1"
        ip(
            self._router,
            f"link add {machine.link} type veth peer name eth0 netns {held(machine.network)}",
            f"address add {gateway}/24 dev {machine.link}",
            f"link set {machine.link} up",
        )
        ip(
            machine.network,
            "link set lo up",
            f"address add {machine.address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {gateway}",
        )

    def _apply(self, wanted: frozenset[tuple[str, str]] | set[tuple[str, str]]) -> None:
        def rules(verb: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
            return [
                f"rule {verb} iif {self.machines[source].link} "
                f"to {self.machines[target].subnet} blackhole"
                for source, target in sorted(pairs)
            ]

        ip(self._router, *rules("add", wanted - self._cuts), *rules("del", self._cuts - wanted))
        self._cuts = frozenset(wanted)


def _new_disc(directory: Path, size_bytes: int, hosts: Path) -> tuple[int, int]:
    """A mount namespace, and the root of the disc in it."""
    os.unshare(os.CLONE_NEWNS)
    run([program("mount"), "--make-rprivate", "/"])
    run([program("mount"), "-t", "tmpfs", "-o", f"size={size_bytes}", "lab", str(directory)])
    run([program("mount"), "--bind", str(hosts), "/etc/hosts"])
    mounts = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
    return mounts, os.open(directory, os.O_PATH | os.O_DIRECTORY)
