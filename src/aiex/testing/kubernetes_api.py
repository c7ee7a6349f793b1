"""A Kubernetes API server on loopback that keeps objects in memory; for tests of what asks one.

It has the paths, pages, versions and refusals of a real one, as far as clients here use them, and
can be told to refuse, to be slow, or to answer nonsense. It decides nothing: no controller changes
an object. What pods answer through its proxy is put in by the test, too.
"""

import base64
import copy
import email.utils
import itertools
import json
import ssl
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

type Object = dict[str, Any]

# Kinds by group: plural, and whether they belong to a namespace.
KINDS: dict[str, dict[str, tuple[str, bool]]] = {
    "": {
        "ConfigMap": ("configmaps", True),
        "Event": ("events", True),
        "Namespace": ("namespaces", False),
        "Node": ("nodes", False),
        "PersistentVolume": ("persistentvolumes", False),
        "PersistentVolumeClaim": ("persistentvolumeclaims", True),
        "Pod": ("pods", True),
        "ResourceQuota": ("resourcequotas", True),
        "Secret": ("secrets", True),
        "Service": ("services", True),
        "ServiceAccount": ("serviceaccounts", True),
    },
    "apps": {
        "Deployment": ("deployments", True),
        "ReplicaSet": ("replicasets", True),
        "StatefulSet": ("statefulsets", True),
    },
    "autoscaling": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "batch": {"Job": ("jobs", True)},
    "coordination.k8s.io": {"Lease": ("leases", True)},
    "discovery.k8s.io": {"EndpointSlice": ("endpointslices", True)},
    "networking.k8s.io": {
        "Ingress": ("ingresses", True),
        "NetworkPolicy": ("networkpolicies", True),
    },
    "policy": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "rbac.authorization.k8s.io": {
        "Role": ("roles", True),
        "RoleBinding": ("rolebindings", True),
    },
    "storage.k8s.io": {"StorageClass": ("storageclasses", False)},
}
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}
USER = "system:serviceaccount:aiex:doctor"


class Answer(NamedTuple):
    """What is said in place of an object, after a while."""

    status: int
    body: bytes
    content_type: str = "application/json"
    after_s: float = 0.0
    date_ahead_s: float = 0.0


class _Place(NamedTuple):
    """What a path means: a collection when `name` is empty."""

    group: str
    plural: str
    namespace: str
    name: str
    below: str = ""

    @property
    def resource(self) -> str:
        kind = f"{self.plural}/{self.below.split('/')[0]}" if self.below else self.plural
        return f"{kind}.{self.group}" if self.group else kind


class KubernetesApiServer:
    """Use it in a `with` block. `asked` is what came, as `GET /path?query`."""

    def __init__(
        self,
        objects: Iterable[Object] = (),
        *,
        token: str = "",
        tls: ssl.SSLContext | None = None,
        version: str = "v1.36.1",
        listens_at: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.version = version
        self._listens_at = listens_at
        self.asked: list[str] = []
        self.api_groups = set(KINDS)
        self.clock_ahead_s = 0.0
        self._token = token
        self._tls = tls
        self._lock = threading.Lock()
        self._versions = itertools.count(1000)
        self._objects: dict[_Place, Object] = {}
        self._denied: set[tuple[str, str]] = set()
        self._instead: dict[str, Answer] = {}
        self._over = threading.Event()
        for one in objects:
            self.put(one)

    def put(self, thing: Object) -> None:
        """From now on the object is there, in place of one of its name."""
        place = _place_of(thing)
        with self._lock:
            kept = copy.deepcopy(thing)
            kept.setdefault("metadata", {})["resourceVersion"] = str(next(self._versions))
            self._objects[place] = kept

    def kept(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """A copy of what is there now."""
        group, plural = next(
            (group, kinds[kind][0]) for group, kinds in KINDS.items() if kind in kinds
        )
        with self._lock:
            return copy.deepcopy(self._objects.get(_Place(group, plural, namespace, name)))

    def deny(self, verb: str, resource: str) -> None:
        """Forbid a verb (`list`) with a resource (`pods`, `deployments.apps`), everywhere."""
        self._denied.add((verb, resource))

    def answer(self, path: str, answer: Answer) -> None:
        """From now on paths that begin so get this, before anything else is looked at."""
        self._instead[path] = answer

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(self._listens_at, _handler(self))
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def respond(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        """The answer to one request."""
        self.asked.append(f"{method} {target}")
        url = urlsplit(target)
        path = unquote(url.path)
        prefixes = [one for one in self._instead if path.startswith(one)]
        if prefixes:
            answer = self._instead[max(prefixes, key=len)]
            if answer.after_s:
                self._over.wait(answer.after_s)
            return answer
        if self._token and headers.get("authorization") != f"Bearer {self._token}":
            return _status(401, "Unauthorized", "Unauthorized")
        if path == "/version":
            return _json(200, _version(self.version))
        if path == "/apis":
            return _json(200, {"kind": "APIGroupList", "groups": self._groups()})
        place = _parsed(path)
        if place is None:
            return _status(404, "NotFound", "the server could not find the requested resource")
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        return self._object_answer(method, place, query, body, headers.get("accept", ""))

    def _groups(self) -> list[Object]:
        return [{"name": name} for name in sorted(self.api_groups) if name]

    def _object_answer(
        self, method: str, place: _Place, query: dict[str, str], body: bytes, accept: str
    ) -> Answer:
        verb = "list" if method == "GET" and not place.name else VERBS.get(method, method.lower())
        if {(verb, place.resource), ("*", place.resource), (verb, "*"), ("*", "*")} & self._denied:
            return _forbidden(verb, place)
        with self._lock:
            match method:
                case "GET" if place.below:
                    return _status(404, "NotFound", f"no endpoints available for {place.name}")
                case "GET" if place.name:
                    return self._one(place, accept)
                case "GET":
                    return self._page(place, query)
                case "POST":
                    return self._made(place, json.loads(body))
                case "PUT":
                    return self._replaced(place, json.loads(body))
                case "DELETE" if place.name:
                    return self._deleted(place)
        return _status(405, "MethodNotAllowed", "the server does not allow this method")

    def _one(self, place: _Place, accept: str) -> Answer:
        thing = self._objects.get(place)
        if thing is None:
            return _absent(place)
        if "as=PartialObjectMetadata" in accept:
            thing = {
                "apiVersion": "meta.k8s.io/v1",
                "kind": "PartialObjectMetadata",
                "metadata": thing["metadata"],
            }
        return _json(200, thing)

    def _page(self, place: _Place, query: dict[str, str]) -> Answer:
        found = [
            thing
            for key, thing in sorted(self._objects.items())
            if (key.group, key.plural) == (place.group, place.plural)
            and place.namespace in ("", key.namespace)
            and _is_selected(thing, query)
        ]
        begin = int(base64.b64decode(query["continue"])) if "continue" in query else 0
        end = begin + (int(query.get("limit", "0")) or len(found))
        metadata: Object = {"resourceVersion": str(next(self._versions))}
        if end < len(found):
            metadata["continue"] = base64.b64encode(str(end).encode()).decode()
        kind = {"apiVersion": "v1", "kind": "List", "metadata": metadata}
        return _json(200, {**kind, "items": found[begin:end]})

    def _made(self, place: _Place, thing: Object) -> Answer:
        whole = place._replace(name=thing["metadata"]["name"])
        if whole in self._objects:
            said = f'{place.resource} "{whole.name}" already exists'
            return _status(409, "AlreadyExists", said)
        return self._keep(whole, thing, 201)

    def _replaced(self, place: _Place, thing: Object) -> Answer:
        there = self._objects.get(place)
        if there is None:
            return _absent(place)
        version = thing["metadata"].get("resourceVersion")
        if version not in (None, there["metadata"]["resourceVersion"]):
            said = f'Operation cannot be fulfilled on {place.resource} "{place.name}": the object '
            return _status(409, "Conflict", f"{said}has been modified")
        return self._keep(place, thing, 200)

    def _deleted(self, place: _Place) -> Answer:
        if self._objects.pop(place, None) is None:
            return _absent(place)
        return _json(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def _keep(self, place: _Place, thing: Object, status: int) -> Answer:
        thing["metadata"]["resourceVersion"] = str(next(self._versions))
        self._objects[place] = thing
        return _json(status, thing)


def is_known(thing: Object) -> bool:
    """Whether the server keeps objects of that kind; those of extensions it does not."""
    group = thing["apiVersion"].rpartition("/")[0]
    return thing["kind"] in KINDS.get(group, {})


def kubeconfig(directory: Path, url: str, user: Object, *, ca_file: Path | None = None) -> Path:
    """A kubeconfig with one context, `test`, for a server and a user."""
    cluster: Object = {"server": url}
    if ca_file is not None:
        cluster["certificate-authority"] = str(ca_file)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [
            {"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "aiex"}}
        ],
    }
    file = directory / "kubeconfig"
    file.write_text(json.dumps(document), "utf-8")  # JSON is YAML
    return file


def _handler(server: KubernetesApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            answer = server.respond(self.command, self.path, body, headers)
            ahead_s = server.clock_ahead_s + answer.date_ahead_s
            try:
                self.wfile.write(_head(answer, ahead_s) + answer.body)
            except ConnectionError:  # whoever asked has gone
                self.close_connection = True

        # Names of the standard library.
        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nobody reads an access log; `asked` has what came."""

    return Handler


def _head(answer: Answer, date_ahead_s: float) -> bytes:
    date = email.utils.formatdate(time.time() + date_ahead_s, usegmt=True)
    lines = [f"HTTP/1.1 {answer.status} x", f"Date: {date}", f"Content-Length: {len(answer.body)}"]
    if answer.content_type:
        lines.append(f"Content-Type: {answer.content_type}")
    return "\r\n".join([*lines, "", ""]).encode()


def _place_of(thing: Object) -> _Place:
    group = thing["apiVersion"].rpartition("/")[0]
    plural, is_namespaced = KINDS[group][thing["kind"]]
    namespace = thing["metadata"]["namespace"] if is_namespaced else ""
    return _Place(group, plural, namespace, thing["metadata"]["name"])


def _parsed(path: str) -> _Place | None:
    match path.strip("/").split("/"):
        case ["api", "v1", *rest]:
            group = ""
        case ["apis", group, _, *rest]:
            pass
        case _:
            return None
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plurals = {plural for plural, _ in KINDS.get(group, {}).values()}
    if not rest or rest[0] not in plurals:
        return None
    plural, name, below = (*rest[:2], "/".join(rest[2:])) if len(rest) > 1 else (rest[0], "", "")
    return _Place(group, plural, namespace, name, below)


def _is_selected(thing: Object, query: dict[str, str]) -> bool:
    """By labels, for equality alone."""
    labels = thing["metadata"].get("labels") or {}
    wanted = [one.partition("=") for one in query.get("labelSelector", "").split(",") if one]
    return all(labels.get(name) == value.lstrip("=") for name, _, value in wanted)


def _version(version: str) -> Object:
    major, minor = version.lstrip("v").split(".")[:2]
    return {"major": major, "minor": minor, "gitVersion": version}


def _json(status: int, content: Object) -> Answer:
    return Answer(status, json.dumps(content).encode())


def _status(code: int, reason: str, message: str) -> Answer:
    return _json(
        code,
        {
            "apiVersion": "v1",
            "kind": "Status",
            "metadata": {},
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
        },
    )


def _absent(place: _Place) -> Answer:
    return _status(404, "NotFound", f'{place.resource} "{place.name}" not found')


def _forbidden(verb: str, place: _Place) -> Answer:
    kind, _, group = place.resource.partition(".")
    where = f'in the namespace "{place.namespace}"' if place.namespace else "at the cluster scope"
    return _status(
        403,
        "Forbidden",
        f'{kind} is forbidden: User "{USER}" cannot {verb} resource "{kind}" in API group '
        f'"{group}" {where}',
    )
