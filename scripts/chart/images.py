"""Is there an image that no value names? In a cluster without internet it could not be pulled."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from scripts.chart.matrix import Row
from scripts.chart.objects import Objects
from scripts.chart.renderings import HELMS, parsed
from scripts.chart.tools import CHART, template
from scripts.chart.values import Values

_ELSEWHERE = "registry.example/mirror"


def foreign_images(
    values: Values, rows: Sequence[Row], chart: Path = CHART
) -> tuple[int, list[str]]:
    """How many containers were looked at, and those whose image is not where the values say.

    Every value `….repository` is set to another place, and each row is rendered with that.
    """
    moved: dict[str, Any] = {}
    for one in values.all:
        if one.path[-1] == "repository":
            below: Any = f"{_ELSEWHERE}/{'-'.join(one.path)}"
            for key in reversed(one.path[1:]):
                below = {key: below}
            moved[one.path[0]] = {**moved.get(one.path[0], {}), **below}
    count, faults = 0, []
    with TemporaryDirectory() as directory:
        file = Path(directory) / "moved.yaml"
        file.write_text(yaml.safe_dump(moved))
        for row in rows:
            text = template(HELMS[0], row.release, [*row.files, file], chart=chart)
            for pod in Objects(parsed(text)).pods:
                for container in pod.containers:
                    count += 1
                    image = str(container.spec.get("image"))
                    if not image.startswith(f"{_ELSEWHERE}/"):
                        faults.append(f"{row.name}: no value says where {image} is")
    return count, sorted(set(faults))
