"""What a root may not hold, and what it must: one rule a function, findings in words.

A rule gets all entries and yields findings; none changes anything or looks outside.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from deploy.docker.root_entries import Entries, Entry, Kind
from deploy.docker.system_files import DATA_DIRECTORY, USER_ID

SHELLS = frozenset({
    *("sh", "bash", "dash", "ash", "busybox", "toybox", "zsh", "ksh", "mksh", "fish"),
    *("csh", "tcsh"),
})  # fmt: skip
COMPILERS = frozenset({
    *("cc", "gcc", "g++", "c++", "cpp", "clang", "clang++", "tcc", "as", "ld", "ld.gold"),
    *("ld.lld", "make", "cmake", "rustc", "cargo", "go", "javac"),
})  # fmt: skip
INSTALLERS = frozenset({
    *("pip", "pip3", "uv", "uvx", "easy_install", "pipx", "poetry", "conda", "npm", "gem"),
})  # fmt: skip
INSTALLING_PACKAGES = frozenset({"pip", "ensurepip", "setuptools", "wheel", "pkg_resources", "uv"})
PACKAGE_MANAGERS = frozenset({
    *("apt", "apt-get", "aptitude", "dpkg", "apk", "yum", "dnf", "microdnf", "rpm"),
    *("zypper", "pacman", "tdnf"),
})  # fmt: skip
PACKAGE_DATABASES = tuple(
    PurePosixPath(path)
    for path in ("var/lib/dpkg", "var/lib/apt", "lib/apk", "var/lib/rpm", "usr/lib/sysimage/rpm")
)
CACHES = tuple(PurePosixPath(path) for path in ("var/cache", "var/lib/apt/lists", "var/log"))
CACHE_NAMES = frozenset({
    *(".cache", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".git", ".venv"),
})  # fmt: skip
SECRET_NAMES = frozenset({
    *(".env", ".netrc", ".npmrc", ".pypirc", "pip.conf", ".git-credentials", "credentials"),
    *("id_rsa", "id_ed25519", "id_ecdsa"),
})  # fmt: skip
# A header alone stands in the source of every library that reads keys; a body under it is a key.
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}")
ADDRESS_WITH_PASSWORD = re.compile(rb"index-url\s*=\s*\S+://[^\s/:@]+:[^\s/@]+@")
TEST_SUITES = frozenset({"test", "tests", "idle_test"})


@dataclass(frozen=True, slots=True)
class Finding:
    rule: str
    path: str
    sentence: str


def findings(entries: Entries) -> list[Finding]:
    """What is wrong with a root, by rule and path."""
    return [finding for rule in RULES for finding in rule(entries)]


def privileges(entries: Entries) -> Iterator[Finding]:
    for entry in _files(entries):
        if entry.mode & 0o6000:
            yield Finding("set-uid", str(entry), "runs as its owner, whoever starts it")
        if entry.has_capabilities:
            yield Finding("capabilities", str(entry), "has capabilities, whoever starts it")


def writable(entries: Entries) -> Iterator[Finding]:
    for entry in entries.values():
        is_shared = entry.kind is Kind.DIRECTORY and entry.mode & 0o1000
        if entry.mode & 0o002 and entry.kind is not Kind.LINK and not is_shared:
            yield Finding("world-writable", str(entry), "can be written to by everybody")


def owners(entries: Entries) -> Iterator[Finding]:
    data = PurePosixPath(DATA_DIRECTORY)
    for entry in entries.values():
        if entry.path != data and (entry.uid, entry.gid) != (0, 0):
            yield Finding("owner", str(entry), f"belongs to {entry.uid}:{entry.gid}, not to root")
    if data not in entries or entries[data].kind is not Kind.DIRECTORY:
        yield Finding("data", f"/{data}", "is missing: there is no place for data")
    elif entries[data].uid != USER_ID:
        yield Finding("data", f"/{data}", f"does not belong to {USER_ID}, who has to write there")


def users(entries: Entries) -> Iterator[Finding]:
    passwd = entries.get(PurePosixPath("etc/passwd"))
    lines = passwd.read().decode().splitlines() if passwd else []
    ids = {line.split(":")[2] for line in lines}
    if str(USER_ID) not in ids:
        yield Finding("users", "/etc/passwd", f"has no user {USER_ID}, who Aiex runs as")
    for line in lines:
        name, password, uid, *_ = line.split(":")
        if uid not in ("0", str(USER_ID)):
            yield Finding("users", "/etc/passwd", f"has a user that nothing needs: {name}")
        if password not in ("x", "*", "!"):
            yield Finding("users", "/etc/passwd", f"has a password of {name}")
    for name in ("etc/shadow", "etc/gshadow"):
        if PurePosixPath(name) in entries:
            yield Finding("users", f"/{name}", "has passwords, and nobody logs in here")


def programs(entries: Entries) -> Iterator[Finding]:
    for entry in entries.values():
        if entry.kind is Kind.DIRECTORY or not _is_program(entry):
            continue
        name = re.sub(r"[-.]?\d[\d.]*$", "", entry.path.name) or entry.path.name
        plain = re.sub(r"^.*-linux-(gnu|musl)-", "", name)
        for names, rule, what in (
            (SHELLS, "shell", "is a shell"),
            (COMPILERS, "compiler", "compiles or links"),
            (INSTALLERS, "installer", "installs packages"),
            (PACKAGE_MANAGERS, "package-manager", "is a package manager"),
        ):
            if names & {plain, entry.path.name}:
                yield Finding(rule, str(entry), what)


def installers(entries: Entries) -> Iterator[Finding]:
    for entry in entries.values():
        is_package = entry.path.parent.name in ("site-packages", "dist-packages") or (
            entry.path.parent.name.startswith("python3")
        )
        if is_package and entry.path.name in INSTALLING_PACKAGES:
            yield Finding("installer", str(entry), "installs packages")
        if entry.path in PACKAGE_DATABASES:
            yield Finding("package-manager", str(entry), "is a package manager's data")


def caches(entries: Entries) -> Iterator[Finding]:
    for entry in entries.values():
        if entry.path.parent in CACHES or entry.path.name in CACHE_NAMES:
            yield Finding("cache", str(entry), "is kept for a later build, which there is none of")
        if entry.path.suffix == ".whl":
            yield Finding("cache", str(entry), "is a package that was installed from")
        if entry.path.parts[0] in ("tmp", "root", "build") and len(entry.path.parts) > 1:
            yield Finding("cache", str(entry), "was left by the build")
        if PurePosixPath(DATA_DIRECTORY) in entry.path.parents:
            yield Finding("cache", str(entry), "is in the data directory, which is to be empty")


def secrets(entries: Entries) -> Iterator[Finding]:
    for entry in _files(entries):
        if entry.path.name in SECRET_NAMES:
            yield Finding("secret", str(entry), "is a file that has secrets")
            continue
        content = entry.read()
        if PRIVATE_KEY.search(content):
            yield Finding("secret", str(entry), "has a private key")
        elif ADDRESS_WITH_PASSWORD.search(content):
            yield Finding("secret", str(entry), "has an address with a password")


def test_suites(entries: Entries) -> Iterator[Finding]:
    for entry in entries.values():
        is_in_suite = entry.kind is Kind.FILE and entry.path.parent.name in TEST_SUITES
        if is_in_suite and entry.path.name.startswith("test_"):
            yield Finding("tests", str(entry), "is a test, which nobody runs here")


def kinds(entries: Entries) -> Iterator[Finding]:
    for entry in entries.values():
        if entry.kind is Kind.OTHER:
            yield Finding("device", str(entry), "is neither file, directory nor link")
        if entry.kind is Kind.LINK and not _leads_somewhere(entries, entry):
            yield Finding("link", str(entry), f"leads to {entry.link}, which is not there")


def _files(entries: Entries) -> Iterator[Entry]:
    return (entry for entry in entries.values() if entry.kind is Kind.FILE)


def _is_program(entry: Entry) -> bool:
    return entry.kind is Kind.LINK or bool(entry.mode & 0o111)


def resolved(entries: Entries, path: PurePosixPath, links_max: int = 40) -> PurePosixPath | None:
    """Where a path ends inside the root; None when it leads nowhere."""
    at, ahead = PurePosixPath(), list(path.parts)
    while ahead:
        part = ahead.pop(0)
        if part in ("/", "."):
            continue
        step = at.parent if part == ".." else at / part
        entry = entries.get(step)
        if entry is not None and entry.kind is Kind.LINK:
            links_max -= 1
            if links_max < 0:
                return None
            at = PurePosixPath() if entry.link.startswith("/") else at
            ahead = [*PurePosixPath(entry.link).parts, *ahead]
        elif entry is None and step != PurePosixPath():
            return None
        else:
            at = step
    return at


def _leads_somewhere(entries: Entries, entry: Entry) -> bool:
    return resolved(entries, entry.path) is not None


RULES: tuple[Callable[[Entries], Iterator[Finding]], ...] = (
    *(privileges, writable, owners, users, programs, installers),
    *(caches, secrets, test_suites, kinds),
)
