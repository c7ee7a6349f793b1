"""What stands for an image: what its root shows, and what it runs when the pod does not say.

The images cannot be pulled where these tests run. Aiex is shown from the environment that the tests
run in, at its own place and without any other program (the image has no shell either); NATS is the
one file that the official image holds. A root that was really built is taken by `built_image`.
"""

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

import aiex

AIEX_USER = 10001
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


class Mount(msgspec.Struct, frozen=True):
    source: str
    target: str
    is_read_only: bool = True


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """`base` is a root on this machine that the container sees a copy of, or nothing."""

    base: str = ""
    mounts: tuple[Mount, ...] = ()
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    uid: int = 0
    gid: int = 0


def aiex_image() -> Image:
    """The program of this environment; its first word is `aiex`, as in the image."""
    source = Path(aiex.__file__).parents[1]
    shown = [sys.base_prefix, sys.prefix, str(source), "/usr/lib", "/etc/ld.so.cache"]
    links = {}
    for name in ("/lib", "/lib64"):
        if Path(name).is_symlink():
            links[name] = os.readlink(name)  # noqa: PTH115 - kept as it is, relative
        elif Path(name).exists():
            shown.append(name)
    shown += [name for name in ("/usr/lib64", CERTIFICATES) if Path(name).exists()]
    return Image(
        mounts=tuple(Mount(one, one) for one in shown),
        files={
            "/etc/passwd": f"root:x:0:0::/:/none\naiex:x:{AIEX_USER}:{AIEX_USER}::/:/none\n",
            "/etc/group": f"root:x:0:\naiex:x:{AIEX_USER}:\n",
            "/etc/nsswitch.conf": "hosts: files dns\n",
        },
        links=links,
        entrypoint=("aiex",),
        command=("serve",),
        environment={
            "PATH": f"{sys.prefix}/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SSL_CERT_FILE": CERTIFICATES,
        },
        uid=AIEX_USER,
        gid=AIEX_USER,
    )


def nats_image(program: Path = Path(sys.prefix) / "bin/nats-server") -> Image:
    """As the official image made from nothing: one program, no shell, no /tmp, root by default."""
    return Image(
        mounts=(Mount(str(program), "/nats-server"),),
        files={"/nats-server.conf": "port: 4222\nmonitor_port: 8222\n"},
        entrypoint=("/nats-server",),
        command=("--config", "nats-server.conf"),
        environment={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/"},
    )


def built_image(root: Path, config: dict[str, Any]) -> Image:
    """A built root with its configuration, in the words of the Open Container Initiative."""
    environment = dict(one.split("=", 1) for one in config.get("Env", ()))
    user, _, group = str(config.get("User", "0")).partition(":")
    return Image(
        base=str(root),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        environment=environment,
        uid=int(user or 0),
        gid=int(group or 0),
    )
