"""How a pod's HTTP is asked: directly from inside the cluster, or through the API from outside."""

import asyncio
from typing import NamedTuple, Protocol

import httpx2

from aiex.errors import KubernetesError
from aiex.kubernetes.client import KubernetesApi
from aiex.kubernetes.facts import DoorState
from aiex.kubernetes.right import Right

ANSWER_S = 4.0


class Told(NamedTuple):
    """An answer, or why there is none: `state` is not open then, and `text` says more."""

    state: DoorState
    status: int = 0
    body: bytes = b""
    date: str = ""
    text: str = ""


class Reach(Protocol):
    async def ask(self, pod: str, host: str, port: int, path: str) -> Told:
        """What the pod answers at a port; never raises for what the network does."""


class DirectReach:
    """From a pod, by address. `token` goes to nodes' admin listeners alone."""

    def __init__(self, token: str = "", token_port: int = 0) -> None:
        self._token = token
        self._token_port = token_port

    async def ask(self, pod: str, host: str, port: int, path: str) -> Told:
        is_trusted = bool(self._token) and port == self._token_port
        headers = {"Authorization": f"Bearer {self._token}"} if is_trusted else {}
        address = f"[{host}]" if ":" in host else host
        try:
            async with httpx2.AsyncClient(timeout=ANSWER_S, trust_env=False) as client:
                answer = await client.get(f"http://{address}:{port}{path}", headers=headers)
        except httpx2.TimeoutException:
            return Told("silent", text="no answer in time")
        except httpx2.ConnectError as error:
            return Told("refused" if _is_refusal(error) else "silent", text=str(error))
        except httpx2.HTTPError as error:
            return Told("unknown", text=str(error))
        date = answer.headers.get("date", "")
        return Told("open", answer.status_code, answer.content, date)


class ProxiedReach:
    """Through the API server, which takes our credentials for itself: nothing secret gets there."""

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    async def ask(self, pod: str, host: str, port: int, path: str) -> Told:
        url = f"/api/v1/namespaces/{self._namespace}/pods/{pod}:{port}/proxy{path}"
        right = Right("get", "pods/proxy", self._namespace)
        try:
            async with asyncio.timeout(ANSWER_S):  # the API server itself waits longer for a pod
                answer = await self._api.document(url, right)
        except TimeoutError:
            return Told("silent", text="no answer in time")
        except KubernetesError as error:
            missing = getattr(error, "right", "")
            return Told("unknown", text=f"forbidden; give `{missing}`" if missing else str(error))
        if answer.status != 200 and b'"Status"' in answer.body:  # the API server's own word
            said = answer.body.decode(errors="replace")
            return Told("refused" if "connection refused" in said else "silent", text="no answer")
        return Told("open", answer.status, answer.body, answer.headers.get("date", ""))


def _is_refusal(error: BaseException | None) -> bool:
    """Whether a machine answered that nobody listens; the HTTP client keeps that in the causes."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError):
            return True
        error = error.__cause__ or error.__context__
    return False
