"""`aiex models`: what clients can ask for, and where their requests go."""

import click

from aiex.cli.admin_answers import Model, ModelList
from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text, print_table


@click.command()
@output_option
@node_options
def models(output: Output, admin: AdminClient) -> None:
    """List the models and where their requests go.

    Several targets share a model's requests by weight. Fallbacks are tried in order when no target
    answered.

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
        f"{target.provider}/{target.model} ({target.kind}"
        + (f", weight {target.weight:g})" if has_weights else ")")
        for target in model.targets
    )


def _default(model: Model) -> str:
    return "default" if model.is_default else ""
