"""The admin API's documentation page: the table of operations as HTML, without scripts."""

from html import escape

from aiex.node.admin.operation import Operation
from aiex.node.admin.operations import OPERATIONS

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Aiex admin API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ text-align: left; padding: .45rem .6rem; border-bottom: 1px solid #8884;
  vertical-align: top }}
code {{ font: 14px ui-monospace, monospace }}
.method {{ font-weight: 600 }}
</style></head><body>
<h1>Aiex admin API <small>{version}</small></h1>
<p>Send the admin token as <code>Authorization: Bearer &lt;token&gt;</code>; it is in
<code>admin.token</code> in the node's data directory unless
<code>AIEX_ADMIN__TOKEN_FILE</code> sets it.
Machine-readable: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
<table><thead><tr><th>Method<th>Path<th>What it does<th>Answer<th>Token</tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def admin_page(version: str) -> str:
    """The whole page."""
    rows = "\n".join(_row(operation) for operation in OPERATIONS)
    return _PAGE.format(version=escape(version), rows=rows)


def _row(operation: Operation) -> str:
    answer = operation.answer.__name__ if operation.answer is not None else "text"
    return (
        f'<tr><td class="method">{operation.method}<td><code>{escape(operation.path)}</code>'
        f"<td>{escape(operation.summary)}<td><code>{answer}</code>"
        f"<td>{'yes' if operation.needs_token else 'no'}</tr>"
    )
