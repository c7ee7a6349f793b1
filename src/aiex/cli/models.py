"""`aiex models`: what clients can ask for, and where their requests go."""

from collections.abc import Iterator

import click

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.models import Model, ModelList, Target
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text, print_table


@click.command()
@output_option
@node_options
def models(output: Output, admin: AdminClient) -> None:
    """List the models and where their requests go.

    Several targets share a model's requests by weight. Fallbacks are tried in order when no target
    answered. A target is told with how it does: its breaker unless closed, calls in flight,
    requests that wait, and how long its answers took lately.

    \b
    Examples:
      aiex models
      aiex models -o json | jq -r '.models[].id'
    """
    document = admin.get("/admin/v1/models")
    if output == "json":
        print_json_text(document)
        return
    rows = [
        (model.id, _targets(model), ", ".join(model.fallbacks) or "none", _default(model))
        for model in decoded(document, ModelList).models
    ]
    print_table(("MODEL", "TARGETS", "FALLBACKS", ""), rows)


def _targets(model: Model) -> str:
    has_weights = len(model.targets) > 1
    return ", ".join(
        f"{target.provider}/{target.model} ({', '.join(_facts(target, has_weights))})"
        for target in model.targets
    )


def _facts(target: Target, has_weights: bool) -> Iterator[str]:
    yield target.kind
    if has_weights:
        yield f"weight {target.weight:g}"
    if target.breaker != "closed":
        yield f"breaker {target.breaker}"
    if target.resting_s:
        yield f"resting {target.resting_s:.0f} s"
    if target.in_flight:
        yield f"{target.in_flight} in flight"
    if target.queue_length:
        yield f"{target.queue_length} waiting"
    if target.latency_ms is not None:
        yield f"{target.latency_ms:.0f} ms"
    if target.first_event_ms is not None:
        yield f"first event {target.first_event_ms:.0f} ms"


def _default(model: Model) -> str:
    return "default" if model.is_default else ""
