"""How to reach a Kubernetes API: which server, and who asks.

As `kubectl` looks for it: a file that was named, else KUBECONFIG, else the service account of the
pod this runs in, else ~/.kube/config. What cannot be used is refused in words before anything is
asked: a context that is not there, a credential of a kind that nobody reads any more.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml
from lightkube.config.kubeconfig import SERVICE_ACCOUNT, KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from aiex.errors import KubernetesAccessMissing
from aiex.kubernetes.exec_credential import fetched_user

IN_CLUSTER = "the pod's service account"
DEFAULT_FILE = Path(".kube") / "config"


@dataclass(frozen=True)
class Access:
    """`source` is the file or `IN_CLUSTER`, `context` the file's context; empty in a pod."""

    config: SingleConfig
    source: str
    context: str = ""

    @property
    def namespace(self) -> str:
        """The one that is meant when none is named."""
        return self.config.namespace

    @property
    def server(self) -> str:
        return self.config.cluster.server

    async def with_credential(self) -> "Access":
        """The same, with what its credential plugin answers, where it has one."""
        user = self.config.user or User()
        if user.exec is None:
            return self
        directory = self.config.fname.parent if self.config.fname else Path()
        fetched = await fetched_user(user.exec, directory)
        return Access(self.config._replace(user=fetched), self.source, self.context)


def access(
    file: str,
    context: str,
    environment: Mapping[str, str],
    *,
    service_account: Path = Path(SERVICE_ACCOUNT),
) -> Access:
    """How to reach the API; raises `KubernetesAccessMissing` that says where it was looked for.

    `file` may be several, parted by the system's path separator, as in KUBECONFIG; the first that
    has the context counts.
    """
    named = [Path(one).expanduser() for one in file.split(os.pathsep) if one]
    if named:
        return _of_files(named, context)
    if not context and (service_account / "token").is_file():
        return _of_pod(service_account)
    home_file = Path(environment.get("HOME", "")) / DEFAULT_FILE
    if home_file.is_file():
        return _of_files([home_file], context)
    raise KubernetesAccessMissing(
        f"There is no Kubernetes API to ask: no --kubeconfig, no KUBECONFIG, no {home_file}, and "
        f"this is no pod with a service account ({service_account}). In a pod, --dns-only does "
        "without."
    )


def _of_pod(service_account: Path) -> Access:
    try:
        config = KubeConfig.from_service_account(service_account).get()
    except (ConfigError, OSError, KeyError) as error:
        raise KubernetesAccessMissing(
            f"The pod's service account cannot be used: {error}."
        ) from error
    assert config is not None, "a service account is one context"
    return Access(config, IN_CLUSTER)


def _of_files(files: list[Path], context: str) -> Access:
    known: list[str] = []
    for file in files:
        if not file.is_file() and len(files) > 1:
            continue  # as kubectl does with a list
        config = _kube_config(file)
        wanted = context or config.current_context
        known += config.contexts
        if wanted and wanted in config.contexts:
            return Access(_single(config, wanted, file), str(file), wanted)
    where = " or ".join(map(str, files))
    if context:
        there = f"those there are: {', '.join(sorted(known))}" if known else "it has none"
        raise KubernetesAccessMissing(f"There is no context '{context}' in {where}; {there}.")
    raise KubernetesAccessMissing(
        f"{where} has no current context; choose one with --context: {', '.join(known) or 'none'}."
    )


def _kube_config(file: Path) -> KubeConfig:
    try:
        document = yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise KubernetesAccessMissing(f"{file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise KubernetesAccessMissing(f"{file} is no YAML: {error}") from error
    try:
        return KubeConfig.from_dict(_whole(document), fname=file)
    except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise KubernetesAccessMissing(f"{file} is no kubeconfig: {error}.") from error


def _whole(document: Any) -> dict[str, Any]:
    """With the lists that may be left out, or be null as `kubectl config` writes empty ones."""
    if not isinstance(document, dict):
        raise TypeError("it is not a map")
    lists = {name: document.get(name) or [] for name in ("clusters", "contexts", "users")}
    return {**document, **lists}


def _single(config: KubeConfig, context: str, file: Path) -> SingleConfig:
    """The context with its cluster and user; a user is always there, if only an empty one."""
    chosen = config.contexts[context]
    if chosen.cluster not in config.clusters:
        raise KubernetesAccessMissing(f"{file}: context '{context}' names no cluster it has.")
    if chosen.user and chosen.user not in config.users:
        raise KubernetesAccessMissing(f"{file}: context '{context}' names no user it has.")
    user = config.users[chosen.user] if chosen.user else User()
    return SingleConfig(
        context_name=context,
        context=chosen,
        cluster=config.clusters[chosen.cluster],
        user=_usable(user, file),
        fname=file,
    )


def _usable(user: User, file: Path) -> User:
    """The user with its file's whole path, and with a token in place of a provider."""
    if user.token_file:
        return msgspec.structs.replace(user, token_file=str(file.parent / user.token_file))
    if not user.auth_provider:
        return user
    token = (user.auth_provider.get("config") or {}).get("id-token")
    if user.auth_provider.get("name") != "oidc" or not token:
        raise KubernetesAccessMissing(
            f"{file}: the user's auth-provider is a kind that Kubernetes gave up; use a credential "
            "plugin (`exec`), as your provider's own tool writes it."
        )
    return User(token=token)
