"""The Kubernetes API, asked for typed objects; every failure is one of `KubernetesError`, in words.

    async with KubernetesApi(access("", "", os.environ)) as api:
        secret = await api.found(Secret, "aiex-secrets", "aiex")

Secrets are all that it can write, and it writes whole ones, named and with their namespace. What
is asked has a deadline, and a list an end. Nothing is tried again: whoever asks knows what a second
try is worth.
"""

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import NamedTuple, Self

import httpx2
from lightkube import ApiError, AsyncClient
from lightkube.config.client_adapter import ConnectionParams
from lightkube.core.exceptions import ConfigError
from lightkube.core.resource import (
    GlobalResource,
    NamespacedResource,
    NamespacedResourceG,
    api_info,
)
from lightkube.resources.core_v1 import Secret

from aiex.errors import (
    KubernetesAbsent,
    KubernetesAccessMissing,
    KubernetesConflict,
    KubernetesForbidden,
    KubernetesRefused,
    KubernetesUnreachable,
)
from aiex.kubernetes.access import Access
from aiex.kubernetes.right import Right, giving

ANSWER_S = 10.0
PAGE_LEN = 250
# More of one kind than a namespace sensibly has; the rest is left out, and that is told.
LISTED_MAX = 2000


class Listed[R](NamedTuple):
    """Objects of one kind; `is_whole` says whether that is all of them."""

    items: tuple[R, ...]
    is_whole: bool


class Document(NamedTuple):
    """An answer as it came, of whatever is no typed object."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class KubernetesApi:
    """Connects when it is entered; one of them asks one API as one user."""

    def __init__(self, access: Access, *, answer_s: float = ANSWER_S) -> None:
        self.access = access
        self._timeout = httpx2.Timeout(answer_s)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.access = await self.access.with_credential()
        config = self.access.config
        try:
            self._typed = AsyncClient(config, timeout=self._timeout)
            parameters = ConnectionParams(timeout=self._timeout).httpx_params(config)
            self._plain = httpx2.AsyncClient(**parameters)
        except (ConfigError, OSError, ValueError, httpx2.InvalidURL) as error:
            raise KubernetesAccessMissing(
                f"The credentials of {self.access.source} cannot be used: {error}."
            ) from error
        self._open.push_async_callback(self._typed.close)
        await self._open.enter_async_context(self._plain)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def read[R: NamespacedResource](self, kind: type[R], name: str, namespace: str) -> R:
        """The object of that name; raises `KubernetesAbsent` when there is none."""
        with self._told(_right("get", kind, namespace), name):
            return await self._typed.get(kind, name, namespace=namespace)

    async def found[R: NamespacedResource](
        self, kind: type[R], name: str, namespace: str
    ) -> R | None:
        """The object of that name, or nothing."""
        try:
            return await self.read(kind, name, namespace)
        except KubernetesAbsent:
            return None

    async def create(self, secret: Secret) -> Secret:
        """The secret as it was made; raises `KubernetesConflict` when there is one of that name."""
        name, namespace = _place(secret)
        with self._told(_right("create", Secret, namespace), name):
            return await self._typed.create(secret)

    async def replace(self, secret: Secret) -> Secret:
        """The secret as it is now; `KubernetesConflict` when it was changed since it was read."""
        name, namespace = _place(secret)
        with self._told(_right("update", Secret, namespace), name):
            return await self._typed.replace(secret)

    async def remove(self, kind: type[Secret], name: str, namespace: str) -> None:
        """Delete the secret; raises `KubernetesAbsent` when there is none of that name."""
        with self._told(_right("delete", kind, namespace), name):
            await self._typed.delete(kind, name, namespace=namespace)

    async def listed[R: NamespacedResourceG](
        self, kind: type[R], namespace: str, *, labels: Mapping[str, str] | None = None
    ) -> Listed[R]:
        """Objects of a namespace, as many as `LISTED_MAX`."""
        items: list[R] = []
        with self._told(_right("list", kind, namespace)):
            found = self._typed.list(
                kind, namespace=namespace, chunk_size=PAGE_LEN, labels=dict(labels or {})
            )
            async for item in found:
                if len(items) == LISTED_MAX:
                    return Listed(tuple(items), False)
                items.append(item)
        return Listed(tuple(items), True)

    async def listed_everywhere[R: GlobalResource](self, kind: type[R]) -> Listed[R]:
        """Objects that belong to no namespace, as many as `LISTED_MAX`."""
        items: list[R] = []
        with self._told(_right("list", kind, "")):
            async for item in self._typed.list(kind, chunk_size=PAGE_LEN):
                if len(items) == LISTED_MAX:
                    return Listed(tuple(items), False)
                items.append(item)
        return Listed(tuple(items), True)

    async def document(
        self, path: str, right: Right, *, headers: Mapping[str, str] | None = None
    ) -> Document:
        """What a path of the API answers, of any status but a refusal of the API itself."""
        with self._told(right, path):
            answer = await self._plain.get(path, headers=dict(headers or {}))
            if answer.status_code in (401, 403):
                raise ApiError(response=answer) if _is_status(answer) else _no_words(answer)
            return Document(answer.status_code, answer.headers, answer.content)

    @contextmanager
    def _told(self, right: Right, name: str = "") -> Iterator[None]:
        """Whatever the client raises, as an error of ours."""
        try:
            yield
        except ApiError as error:
            raise _refusal(error, right, name) from error
        except httpx2.HTTPStatusError as error:
            raise KubernetesRefused(
                f"{self.access.server} answers {error.response.status_code} and not as a "
                "Kubernetes API does; is the kubeconfig's server right?"
            ) from error
        except httpx2.TimeoutException as error:
            raise KubernetesUnreachable(
                f"The Kubernetes API at {self.access.server} did not answer in time."
            ) from error
        except httpx2.HTTPError as error:
            raise KubernetesUnreachable(
                f"The Kubernetes API at {self.access.server} cannot be reached: {error}."
            ) from error
        except (ValueError, KeyError) as error:  # no JSON, other JSON, or no type of content
            raise KubernetesRefused(
                f"{self.access.server} answers to '{right.text}' what is no such object: {error}."
            ) from error


def _place(secret: Secret) -> tuple[str, str]:
    metadata = secret.metadata
    assert metadata is not None, "what is written says what it is"
    assert metadata.name, "what is written has a name"
    assert metadata.namespace, "what is written says where"
    return metadata.name, metadata.namespace


def _right(
    verb: str, kind: type[NamespacedResource] | type[GlobalResource], namespace: str
) -> Right:
    info = api_info(kind)
    group = f".{info.resource.group}" if info.resource.group else ""
    return Right(verb, f"{info.plural}{group}", namespace)


def _is_status(answer: httpx2.Response) -> bool:
    return "json" in answer.headers.get("Content-Type", "")


def _no_words(answer: httpx2.Response) -> httpx2.HTTPStatusError:
    return httpx2.HTTPStatusError("no words", request=answer.request, response=answer)


def _refusal(error: ApiError, right: Right, name: str) -> Exception:
    """The API's own refusal as the error that says what to do."""
    status = error.status
    where = f" in namespace {right.namespace}" if right.namespace else ""
    said = (status.message or status.reason or "it says no more").rstrip(".")
    match status.code:
        case 401:
            return KubernetesRefused(
                "The Kubernetes API does not accept the credentials; log in anew, or name another "
                "context."
            )
        case 403 if "cannot" in said:
            return KubernetesForbidden(
                f"The Kubernetes API forbids to {right.text}{where}. To allow it:\n"
                f"  {giving(right, said)}",
                right=right.text,
            )
        case 404:
            return KubernetesAbsent(f"There is no {right.resource} '{name}'{where}.")
        case 409:
            return KubernetesConflict(f"{right.resource} '{name}'{where}: {said}.")
    return KubernetesRefused(f"The Kubernetes API refuses to {right.text}{where}: {said}.")
