"""The volumes of one pod, as directories that its containers are shown.

Owners and modes are the kubelet's: with an `fsGroup` every file belongs to that group and the
group may read it, which adds to the mode that the pod asked for. Files of ConfigMaps and Secrets
are links to `..data`, as there; a change of the object is not followed. An emptyDir is a tmpfs of
its `sizeLimit`; on a cluster a pod that exceeds it is evicted, here its disc is full. A claim is a
plain directory that survives the pod and has no limit.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiex.testing.namespaces import program, run
from aiex.testing.pods.environment import Find, NotYet, Object, content, quantity

EMPTY_DIR_BYTES = 256 * 1024 * 1024
FILE_MODE = 0o644


class Volumes:
    """Of one pod, below a directory of its own; claims are below one that outlives it."""

    def __init__(
        self,
        directory: Path,
        claims: Path,
        find: Find,
        field: Callable[[str], str],
        group: int,
        token: Path | None,
    ) -> None:
        """`group` is the pod's fsGroup, 0 for none; `token` has what a service account proves."""
        self._token = token
        self._directory, self._claims = directory, claims
        self._find, self._field, self._group = find, field, group
        self._mounted: list[Path] = []

    def make(self, spec: Object) -> dict[str, Path]:
        """By name; raises `NotYet` while something they show is not there."""
        return {volume["name"]: self._made(volume) for volume in spec.get("volumes", ())}

    def close(self) -> None:
        """Forget what was in the emptyDirs."""
        for path in self._mounted:
            run([program("umount"), "--lazy", str(path)])

    def _made(self, volume: Object) -> Path:
        name = volume["name"]
        path = self._directory / name
        if "emptyDir" in volume:
            return self._empty(path, volume["emptyDir"] or {})
        if "persistentVolumeClaim" in volume:
            return self._claimed(volume["persistentVolumeClaim"]["claimName"])
        if "projected" in volume:
            projected = volume["projected"]
            mode = projected.get("defaultMode", FILE_MODE)
            files: dict[str, tuple[bytes, int]] = {}
            for source in projected["sources"]:
                ((kind, one),) = source.items()
                files.update(self._files(kind, one, mode))
        else:
            kind = next(key for key in volume if key != "name")
            named = {"name": volume[kind].get("secretName")} if kind == "secret" else {}
            mode = volume[kind].get("defaultMode", FILE_MODE)
            files = self._files(kind, volume[kind] | named, mode)
        return self._written(path, files)

    def _files(self, kind: str, source: Object, mode: int) -> dict[str, tuple[bytes, int]]:
        if kind == "downwardAPI":
            return {
                item["path"]: (self._field(item["fieldRef"]["fieldPath"]).encode(), mode)
                for item in source["items"]
            }
        if kind == "serviceAccountToken":
            if self._token is None:
                raise NotYet("a token of the service account: this cluster has no API server")
            return {source["path"]: ((self._token / "token").read_bytes(), mode)}
        return self._keys(kind, source, mode)

    def _keys(self, kind: str, source: Object, mode: int) -> dict[str, tuple[bytes, int]]:
        kinds = {"secret": "Secret", "configMap": "ConfigMap"}
        if kind not in kinds:
            raise ValueError(f"volumes of the kind {kind} are not made here")
        thing = self._find(kinds[kind], source["name"])
        if thing is None:
            if source.get("optional"):
                return {}
            raise NotYet(f"{kinds[kind]} {source['name']}")
        keys = content(thing)
        if "items" not in source:
            return {key: (value, mode) for key, value in keys.items()}
        files = {}
        for item in source["items"]:
            if item["key"] in keys:
                files[item["path"]] = (keys[item["key"]], item.get("mode", mode))
            elif not source.get("optional"):
                raise NotYet(f"{kinds[kind]} {source['name']}, key {item['key']}")
        return files

    def _written(self, path: Path, files: dict[str, tuple[bytes, int]]) -> Path:
        data = path / "..2026"
        data.mkdir(parents=True)
        (path / "..data").symlink_to("..2026")
        for name, (text, mode) in files.items():
            file = data / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
            # Shown read-only, so the group may read and not write.
            file.chmod(mode | (0o440 if self._group else 0))
            os.chown(file, 0, self._group)
            first = Path(name).parts[0]
            link = path / first
            if not link.is_symlink():
                link.symlink_to(f"..data/{first}")
        return path

    def _empty(self, path: Path, source: Any) -> Path:
        path.mkdir(parents=True)
        size = int(quantity(source["sizeLimit"])) if "sizeLimit" in source else EMPTY_DIR_BYTES
        run([program("mount"), "-t", "tmpfs", "-o", f"size={size}", "empty", str(path)])
        self._mounted.append(path)
        path.chmod(0o777)
        self._give(path)
        return path

    def _claimed(self, name: str) -> Path:
        path = self._claims / name
        path.mkdir(parents=True, exist_ok=True)
        for one in (path, *path.rglob("*")):
            self._give(one)
        return path

    def _give(self, path: Path) -> None:
        """To the group, as a volume is given that can be written to."""
        if self._group:
            mode = stat.S_IMODE(path.lstat().st_mode)
            os.chown(path, -1, self._group, follow_symlinks=False)
            path.chmod(mode | (0o2770 if path.is_dir() else 0o660))
