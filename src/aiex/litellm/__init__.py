"""LiteLLM's proxy configuration, read and turned into settings, with what is lost told."""

from aiex.litellm.conversion import Conversion, SecretNeeded, converted
from aiex.litellm.report import Loss, Report
from aiex.litellm.toml_text import toml_text
from aiex.litellm.yaml_file import LitellmConfigError, load_yaml

__all__ = [
    "Conversion",
    "LitellmConfigError",
    "Loss",
    "Report",
    "SecretNeeded",
    "converted",
    "load_yaml",
    "toml_text",
]
