"""Write what the settings may be into the chart's values.schema.json, so that helm refuses typos.

All else in that file is written by hand. `--check` fails when the source has other settings.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from aiex.settings import Secret, Settings

FILE = Path(__file__).parent.parent / "deploy" / "helm" / "aiex" / "values.schema.json"


def definitions() -> dict[str, Any]:
    """A schema for each section of the settings, and for what they are made of."""
    made = msgspec.json.schema(Settings, schema_hook=_secret)
    return {name: _lean(schema) for name, schema in made["$defs"].items()}


def _secret(shape: type) -> dict[str, str]:
    assert shape is Secret
    return {"type": "string"}


def _lean(schema: Any) -> Any:
    """Without defaults, some of which the chart has others of, and in the words of draft 7."""
    if isinstance(schema, list):
        return [_lean(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        return {"$ref": reference.replace("#/$defs/", "#/definitions/")}
    properties = schema.get("properties", {})
    lean = {
        name: _lean(value)
        for name, value in schema.items()
        if name not in ("default", "title", "properties")
    }
    if properties:
        # A property may be called as a word of the schema is.
        lean["properties"] = {name: _lean(value) for name, value in properties.items()}
    return lean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    is_check = parser.parse_args().check
    schema = json.loads(FILE.read_text("utf-8"))
    wanted = schema | {"definitions": definitions()}
    if wanted == schema:
        return
    if is_check:
        sys.exit(f"{FILE.name} has other settings than the source. Run `make reference`.")
    FILE.write_text(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print("wrote the settings of deploy/helm/aiex/values.schema.json")


if __name__ == "__main__":
    main()
