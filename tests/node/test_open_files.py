"""The limit of open files: as high as the system allows, and told when that is too low."""

import json
import subprocess
import sys

from aiex.node.open_files import files_needed, shortage

RAISED = """
import json, resource
from aiex.node.open_files import raise_open_files
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
said = raise_open_files()
print(json.dumps([said, resource.getrlimit(resource.RLIMIT_NOFILE), hard]))
"""


def test_enough_is_not_spoken_of_and_one_too_few_is() -> None:
    needed = files_needed(connections_max=100, in_flight_max=50)
    assert not shortage(needed, connections_max=100, in_flight_max=50)
    text = shortage(needed - 1, connections_max=100, in_flight_max=50)
    assert f"{needed - 1:,} open files" in text
    assert "api.in_flight_max 50" in text
    assert "LimitNOFILE" in text


def test_the_soft_limit_becomes_the_hard_one() -> None:
    answer = subprocess.run([sys.executable, "-c", RAISED], capture_output=True, check=True)
    said, limits, hard = json.loads(answer.stdout)
    assert said == hard
    assert limits == [hard, hard]
