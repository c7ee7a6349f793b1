"""A conversion as the text of a settings file, with comments that say how to give the secrets."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from aiex.litellm.conversion import Conversion, SecretNeeded

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(conversion: Conversion, source: str) -> str:
    """The file's text; `source` is the name of the file it was made of."""
    settings = conversion.settings
    secrets = {one.setting: one for one in conversion.secrets}
    lines = [f"# Made by `aiex import litellm` from {_comment(source)}."]
    lines.append("# Secrets are given beside this file; see the comments.")
    for section in ("api", "log"):
        if section in settings:
            lines += ["", f"[{section}]"]
            lines += _how(secrets.get(f"{section}.key"))
            lines += _pairs(settings[section])
    for name, provider in settings.get("providers", {}).items():
        lines += ["", f"[providers.{_key(name)}]"]
        lines += _how(secrets.get(f"providers.{name}.api_key"))
        lines += _pairs(provider)
    for name, model in settings.get("models", {}).items():
        lines += ["", f"[models.{_key(name)}]", *_model(model)]
    for name, price in settings.get("prices", {}).items():
        lines += ["", f"[prices.{_key(name)}]", *_pairs(price)]
    return "\n".join(lines) + "\n"


def _how(secret: SecretNeeded | None) -> Iterator[str]:
    if secret is None:
        return
    name = secret.setting.rpartition(".")[2]
    yield f"# {name}: {secret.aiex_variable}_FILE=/path/of/a/file/that/holds/it"
    if secret.variable:
        yield f'#   or {secret.aiex_variable}="${secret.variable}"'


def _model(model: Mapping[str, Any]) -> Iterator[str]:
    targets = [_inline(target) for target in model["targets"]]
    if len(targets) == 1:
        yield f"targets = [{targets[0]}]"
    else:
        yield "targets = ["
        yield from (f"    {target}," for target in targets)
        yield "]"
    if "choice" in model:
        yield f"choice = {_value(model['choice'])}"
    if "fallbacks" in model:
        yield f"fallbacks = [{', '.join(map(_value, model['fallbacks']))}]"


def _pairs(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        yield f"{_key(key)} = {_inline(value) if isinstance(value, dict) else _value(value)}"


def _inline(table: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in table.items()) + " }"


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _value(key)


def _value(value: object) -> str:
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which TOML wants escaped too.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    assert isinstance(value, int | float), "settings made here hold texts and numbers"
    return repr(value)


def _comment(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)
