"""What a root may not hold: each bad thing is planted in a good one and named."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from deploy.docker.root_entries import Entry, Kind
from deploy.docker.root_rules import findings, resolved
from deploy.docker.system_files import DATA_DIRECTORY, USER_ID
from tests.deploy.image.roots import PASSWD, directory, file, link, root

KEY = b"-----BEGIN PRIVATE KEY-----\n" + b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 4
PLANTED: list[tuple[str, Entry]] = [
    ("set-uid", file("usr/bin/su", mode=0o4755)),
    ("set-uid", file("usr/bin/wall", mode=0o2755)),
    ("capabilities", replace(file("usr/bin/ping", mode=0o755), has_capabilities=True)),
    ("world-writable", file("etc/motd", mode=0o666)),
    ("world-writable", directory("var/spool", 0o777)),
    ("owner", file("opt/aiex/lib/x.py.txt", uid=1000)),
    ("data", directory(str(DATA_DIRECTORY), uid=0)),
    ("users", file("etc/passwd", PASSWD + b"www:x:33:33::/:/bin/sh\n")),
    ("users", file("etc/passwd", PASSWD.replace(b"root:x", b"root:"))),
    ("users", file("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n")),
    ("users", file("etc/shadow")),
    ("shell", file("bin/dash", mode=0o755)),
    ("shell", link("bin/sh", "../opt/aiex/bin/aiex")),
    ("shell", file("usr/local/bin/busybox", mode=0o755)),
    ("compiler", file("usr/bin/gcc-12", mode=0o755)),
    ("compiler", file("usr/bin/x86_64-linux-gnu-ld.gold", mode=0o755)),
    ("installer", file("usr/local/bin/pip3.13", mode=0o755)),
    ("installer", directory("usr/local/lib/python3.13/site-packages/pip")),
    ("installer", directory("usr/lib/python3.13/ensurepip")),
    ("package-manager", file("usr/bin/apt-get", mode=0o755)),
    ("package-manager", directory("var/lib/dpkg")),
    ("package-manager", directory("lib/apk")),
    ("cache", directory("var/cache/apt")),
    ("cache", directory("var/lib/aiex/.cache", uid=0)),
    ("cache", file("opt/aiex/x.whl")),
    ("cache", file("tmp/left.txt")),
    ("cache", file("root/.bash_history")),
    ("cache", file(f"{DATA_DIRECTORY}/admin.token")),
    ("cache", directory("opt/.git")),
    ("secret", file("etc/aiex/tls.key", KEY)),
    ("secret", file("build.txt", b"index-url = https://me:password@packages.example/simple")),
    ("secret", file("etc/pip.conf")),
    ("secret", file("opt/.env")),
    ("tests", file("opt/aiex/lib/python3.13/site-packages/x/tests/test_x.txt")),
    ("device", Entry(PurePosixPath("dev/null"), Kind.OTHER, 0o600, 0, 0, 0, "", False, bytes)),
    ("link", link("opt/aiex/bin/python", "/usr/bin/python3")),
    ("link", link("opt/loop", "loop")),
]


def test_of_a_good_root_nothing_is_said() -> None:
    assert findings(root()) == []


@pytest.mark.parametrize(("rule", "planted"), PLANTED, ids=lambda one: str(one))
def test_what_was_planted_is_named(rule: str, planted: Entry) -> None:
    named = {(finding.rule, finding.path) for finding in findings(root(planted))}
    assert (rule, str(planted)) in named


def test_without_a_place_for_data_it_says_so() -> None:
    entries = root()
    del entries[PurePosixPath(DATA_DIRECTORY)]
    (finding,) = findings(entries)
    assert finding.rule == "data"
    assert "no place for data" in finding.sentence


@pytest.mark.parametrize(
    "fine",
    [
        file("opt/aiex/lib/python3.13/site-packages/x/keys.py.txt", b"-----BEGIN PRIVATE KEY-----"),
        file("opt/aiex/lib/python3.13/site-packages/x/make"),  # nobody can start it
        file("usr/lib/python3.13/test_support.txt"),
        directory("var/tmp", 0o1777),
        link("opt/aiex/bin/me", "aiex"),
        file("opt/aiex/bin/python3.13", mode=0o755),
        directory("var/lib/aiex", 0o700, USER_ID),
    ],
    ids=str,
)
def test_what_looks_alike_is_left_alone(fine: Entry) -> None:
    assert findings(root(fine)) == []


def test_links_are_followed_inside_the_root() -> None:
    entries = root(link("bin", "opt/aiex/bin"), link("run", "/bin/aiex"))
    assert resolved(entries, PurePosixPath("run")) == PurePosixPath("opt/aiex/bin/aiex")
    assert resolved(entries, PurePosixPath("bin/../bin/aiex")) is not None
    assert resolved(entries, PurePosixPath("bin/none")) is None
