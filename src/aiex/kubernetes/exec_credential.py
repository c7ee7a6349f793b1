"""Credentials that a program gives: the kubeconfig's `exec`, as clouds and OIDC log-ins use it.

All versions of the protocol are one exchange: the program is run, told by KUBERNETES_EXEC_INFO who
asks, and answers a token or a client certificate. (lightkube's own runs no `v1` and takes no
certificates.)
"""

import asyncio
import base64
import os
from pathlib import Path

import msgspec
from lightkube.config.models import User, UserExec

from aiex.errors import KubernetesAccessMissing

GROUP = "client.authentication.k8s.io/"
# A log-in may open a browser and wait for a person.
PROGRAM_S = 120.0


class _Status(msgspec.Struct):
    token: str = ""
    certificate: str = msgspec.field(name="clientCertificateData", default="")
    key: str = msgspec.field(name="clientKeyData", default="")


class _Answer(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


async def fetched_user(plugin: UserExec, directory: Path) -> User:
    """The user whose credential the program answers; `directory` is the kubeconfig's."""
    if not plugin.apiVersion.startswith(GROUP):
        raise KubernetesAccessMissing(
            f"The credential plugin speaks {plugin.apiVersion}, which is no version of {GROUP}*."
        )
    status = _status(plugin.command, await _output(plugin, directory))
    if status.token:
        return User(token=status.token)
    if status.certificate and status.key:
        return User(
            client_cert_data=_in_base64(status.certificate), client_key_data=_in_base64(status.key)
        )
    raise KubernetesAccessMissing(f"{plugin.command} answered neither a token nor a certificate.")


async def _output(plugin: UserExec, directory: Path) -> bytes:
    program = plugin.command
    if "/" in program and not Path(program).is_absolute():
        program = str(directory / program)
    info = {
        "apiVersion": plugin.apiVersion,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    asked = {"KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}
    given = {one.name: one.value for one in plugin.env or ()}
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *(plugin.args or ()),
            env={**os.environ, **given, **asked},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        hint = f" {plugin.installHint}" if plugin.installHint else ""
        raise KubernetesAccessMissing(
            f"The credential plugin {plugin.command} cannot be run: {error.strerror}.{hint}"
        ) from error
    try:
        async with asyncio.timeout(PROGRAM_S):
            output, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise KubernetesAccessMissing(
            f"The credential plugin {plugin.command} did not end within {PROGRAM_S:.0f} s."
        ) from error
    if process.returncode:
        raise KubernetesAccessMissing(
            f"The credential plugin {plugin.command} failed with status {process.returncode}; run "
            "it by hand to see why."
        )
    return output


def _status(command: str, output: bytes) -> _Status:
    try:
        return msgspec.json.decode(output, type=_Answer).status
    except msgspec.DecodeError as error:
        raise KubernetesAccessMissing(f"{command} answered no ExecCredential: {error}.") from error


def _in_base64(pem: str) -> str:
    return base64.b64encode(pem.encode()).decode()
