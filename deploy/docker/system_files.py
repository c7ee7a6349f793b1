"""The few files of a system that the image has besides programs: users, names, directories.

They are written, not copied: a base's own name users and services that the image does not have.
"""

import os
import ssl
from pathlib import Path

USER_ID = 10001  # above what systems give to people, so that it is nobody's on a host
DATA_DIRECTORY = Path("var/lib/aiex")
CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")

_FILES = {
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\n"
    f"aiex:x:{USER_ID}:{USER_ID}:Aiex:/{DATA_DIRECTORY}:/sbin/nologin\n",
    "etc/group": f"root:x:0:\naiex:x:{USER_ID}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
# Debian, Alpine; Red Hat; SUSE.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def write_system_files(top: Path) -> None:
    """Users, name service, and the two directories that are written to, both empty."""
    for name, content in _FILES.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o644)
    (top / DATA_DIRECTORY).mkdir(parents=True)
    (top / DATA_DIRECTORY).chmod(0o700)
    os.chown(top / DATA_DIRECTORY, USER_ID, USER_ID)
    (top / "tmp").mkdir(exist_ok=True)
    (top / "tmp").chmod(0o1777)


def certificate_bundle() -> Path | None:
    """The authorities that the base trusts, else those that come with pip; None without either."""
    openssl = ssl.get_default_verify_paths().openssl_cafile
    for name in (*_BUNDLES, openssl):
        if Path(name).is_file():
            return Path(name)
    return next(
        iter(
            Path("/build/tools").glob("lib*/python*/site-packages/pip/_vendor/certifi/cacert.pem")
        ),
        None,
    )
