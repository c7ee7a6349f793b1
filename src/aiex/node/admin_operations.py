"""The admin API's operations in one table: path, method, what it takes and gives, in words.

The routes, the OpenAPI document and its page are all made of this table, so none can be forgotten.
"""

import re

import msgspec

from aiex.cluster import DrainPlan
from aiex.node.admin_views import (
    ClusterView,
    DescriptionsView,
    DrainRequest,
    DrainView,
    ErrorBody,
    ExplanationView,
    HealthView,
    KeyListView,
    KeyRequest,
    KeyUpdate,
    KeyView,
    LeaseListView,
    ModelListView,
    NewKeyView,
    PingsView,
    ServiceView,
    StatusView,
    UsageView,
)
from aiex.node.hot_views import (
    CanaryView,
    HotCanaryRequest,
    HotChangeRequest,
    HotHistoryView,
    HotListView,
    HotRollbackRequest,
    HotSettleRequest,
    HotValueView,
    SpreadView,
)
from aiex.node.joining import JoinRequest

_PARAMETER = re.compile(r"{(\w+)}")


class Operation(msgspec.Struct, frozen=True):
    """One thing an operator can ask for. `needs_token` is about callers off loopback too."""

    name: str
    method: str
    path: str
    summary: str
    answer: type | None = None  # None: plain text
    takes: type | None = None
    status: int = 200
    needs_token: bool = True


OPERATIONS = (
    Operation("livez", "GET", "/livez", "The node's loop turns.", needs_token=False),
    Operation("readyz", "GET", "/readyz", "The node takes new requests.", needs_token=False),
    Operation("healthz", "GET", "/healthz", "The same as /readyz.", needs_token=False),
    Operation("health", "GET", "/health", "Each check with its reason.", HealthView),
    Operation("health_live", "GET", "/health/live", "The node's loop turns.", HealthView),
    Operation("health_ready", "GET", "/health/ready", "What readiness depends on.", HealthView),
    Operation(
        "health_detailed", "GET", "/health/detailed", "Each check with its reason.", HealthView
    ),
    Operation(
        "metrics",
        "GET",
        "/metrics",
        "Prometheus text. No token on loopback, or with admin.metrics_open.",
        needs_token=False,
    ),
    Operation("status", "GET", "/admin/v1/status", "The node at a glance.", StatusView),
    Operation("supervision", "GET", "/admin/v1/supervision", "The tree of services.", ServiceView),
    Operation("cluster", "GET", "/admin/v1/cluster", "The members as seen here.", ClusterView),
    Operation(
        "cluster_ping", "GET", "/admin/v1/cluster/ping", "How far each member is away.", PingsView
    ),
    Operation(
        "cluster_descriptions",
        "GET",
        "/admin/v1/cluster/descriptions",
        "Each node in its own words: release, settings by digest, clock, engine, whom it sees.",
        DescriptionsView,
    ),
    Operation(
        "cluster_explain",
        "GET",
        "/admin/v1/cluster/explain",
        "What is wrong with the cluster and what to do, with all that the nodes know.",
        ExplanationView,
    ),
    Operation(
        "drain_plan",
        "GET",
        "/admin/v1/cluster/nodes/{name}/drain-plan",
        "What a drain of a node would wait for, and for how long.",
        DrainPlan,
    ),
    Operation(
        "drain",
        "POST",
        "/admin/v1/cluster/nodes/{name}/drain",
        "Have a node finish what it has in hand and stop; not the last one without `force`.",
        DrainView,
        takes=DrainRequest,
        status=202,
    ),
    Operation("leases", "GET", "/admin/v1/cluster/leases", "Who holds which lease.", LeaseListView),
    Operation(
        "cluster_join",
        "POST",
        "/admin/v1/cluster/join",
        "Form a cluster with others, bringing this node's state.",
        ClusterView,
        takes=JoinRequest,
        status=202,
    ),
    Operation(
        "cluster_leave",
        "POST",
        "/admin/v1/cluster/leave",
        "Hand over what this node carries, drain and stop.",
        ClusterView,
        status=202,
    ),
    Operation(
        "cluster_remove",
        "DELETE",
        "/admin/v1/cluster/nodes/{name}",
        "Forget a node that will not come back; its place as a carrier goes to another.",
        ClusterView,
    ),
    Operation("models", "GET", "/admin/v1/models", "Models and where they go.", ModelListView),
    Operation(
        "hot_values",
        "GET",
        "/admin/v1/hot",
        "All hot values and what is in force; ?after=REVISION&wait_s=20 waits for a change.",
        HotListView,
    ),
    Operation("hot_value", "GET", "/admin/v1/hot/{key}", "One hot value.", HotValueView),
    Operation(
        "set_hot_value",
        "PUT",
        "/admin/v1/hot/{key}",
        "Set a hot value on all nodes; tells who has it, who refuses it and who is behind.",
        SpreadView,
        takes=HotChangeRequest,
    ),
    Operation(
        "reset_hot_value",
        "DELETE",
        "/admin/v1/hot/{key}",
        "Let the settings be in force again.",
        SpreadView,
    ),
    Operation(
        "hot_history",
        "GET",
        "/admin/v1/hot/{key}/history",
        "Who changed a hot value when, and to what.",
        HotHistoryView,
    ),
    Operation(
        "roll_back_hot_value",
        "POST",
        "/admin/v1/hot/{key}/rollback",
        "Set the value that a key had at a revision.",
        SpreadView,
        takes=HotRollbackRequest,
    ),
    Operation(
        "begin_hot_canary",
        "POST",
        "/admin/v1/hot/{key}/canary",
        "Try a value on some nodes for a while, compared with the others.",
        CanaryView,
        takes=HotCanaryRequest,
        status=202,
    ),
    Operation(
        "hot_canary",
        "GET",
        "/admin/v1/hot/{key}/canary",
        "How the canary begun at this node goes.",
        CanaryView,
    ),
    Operation(
        "settle_hot_canary",
        "POST",
        "/admin/v1/hot/{key}/canary/settle",
        "Promote or revert a value that is tried.",
        SpreadView,
        takes=HotSettleRequest,
    ),
    Operation("list_keys", "GET", "/admin/v1/keys", "All API keys.", KeyListView),
    Operation(
        "create_key",
        "POST",
        "/admin/v1/keys",
        "Make an API key; it is shown this once.",
        NewKeyView,
        takes=KeyRequest,
        status=201,
    ),
    Operation(
        "update_key",
        "PATCH",
        "/admin/v1/keys/{key_id}",
        "Change an API key's limits, within a second everywhere.",
        KeyView,
        takes=KeyUpdate,
    ),
    Operation(
        "revoke_key",
        "DELETE",
        "/admin/v1/keys/{key_id}",
        "Revoke an API key, within a second everywhere.",
        KeyView,
    ),
    Operation(
        "usage",
        "GET",
        "/admin/v1/usage",
        "Requests, tokens and cost by key and model: ?since=24h&key=ID&model=NAME.",
        UsageView,
    ),
)


def openapi(version: str) -> dict[str, object]:
    """The admin API as an OpenAPI 3.1 document."""
    shapes = [shape for op in OPERATIONS for shape in (op.answer, op.takes) if shape is not None]
    _, components = msgspec.json.schema_components(
        [*dict.fromkeys(shapes), ErrorBody], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, object]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Aiex admin API", "version": version},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation) -> dict[str, object]:
    answers: dict[str, object] = {str(operation.status): _content(operation.answer, "The answer.")}
    if operation.needs_token:
        answers["401"] = _content(ErrorBody, "The admin token is missing or wrong.")
    described: dict[str, object] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": answers,
    }
    if operation.needs_token:
        described["security"] = [{"token": []}]
    if operation.takes is not None:
        described["requestBody"] = {"required": True, **_content(operation.takes, "")}
    if names := _PARAMETER.findall(operation.path):
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
    return described


def _content(shape: type | None, description: str) -> dict[str, object]:
    if shape is None:
        media: dict[str, object] = {"text/plain": {"schema": {"type": "string"}}}
    else:
        reference = {"$ref": f"#/components/schemas/{shape.__name__}"}
        media = {"application/json": {"schema": reference}}
    return {"description": description, "content": media} if description else {"content": media}
