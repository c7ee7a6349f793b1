"""A measured node is set as an operator sets one that counts: a key required, all recorded."""

from pathlib import Path

import pytest
from rig import cluster, node
from rig.chat import KEY, MODEL
from rig.node_settings import TOKEN, node_settings

from aiex.settings import load


@pytest.mark.parametrize(
    ("more", "kind"),
    [(node.SETTINGS % 9000, "openai"), (cluster.SETTINGS + cluster.OWN_ENGINES, "mock")],
)
def test_it_is_what_a_node_takes_and_records_everything(
    tmp_path: Path, more: str, kind: str
) -> None:
    text = node_settings("n1", Path("/data/n1"), port=1, admin_port=2, more=more)
    file = tmp_path / "node.toml"
    file.write_text(text)
    settings = load(file, {}, {}).settings
    assert (settings.node.name, settings.node.data_dir) == ("n1", "/data/n1")
    assert (settings.api.port, settings.admin.port, settings.api.auth) == (1, 2, "required")
    assert settings.api.key is not None
    assert settings.admin.token is not None
    assert (settings.api.key.reveal(), settings.admin.token.reveal()) == (KEY, TOKEN)
    assert (settings.log.level, settings.log.format, settings.log.access) == ("info", "json", True)
    assert [one.kind for one in settings.providers.values()] == [kind]
    assert list(settings.models) == [MODEL]
