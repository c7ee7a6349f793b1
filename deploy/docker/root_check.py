"""Is a built root fit to be shipped? Findings in words, sizes beside their goal.

    python3 -m deploy.docker.root_check ROOT        a directory, or the tar of `docker export`
    python3 -m deploy.docker.root_check -o json --no-size-max ROOT

Exit status: 0 when there is nothing to say, 1 with findings, 2 for wrong usage.
"""

import argparse
import json
import sys
import tarfile
from dataclasses import asdict
from pathlib import Path

from deploy.docker.root_bytecode import bytecode
from deploy.docker.root_entries import Entries, read_root
from deploy.docker.root_rules import Finding, findings
from deploy.docker.root_sizes import MB, OVER_BASE_MB_MAX, Sizes, sizes

SHOWN = 12  # rows of what weighs most


def check(entries: Entries, over_base_mb_max: float | None) -> tuple[list[Finding], Sizes]:
    """Everything that is wrong with a root, and what it weighs."""
    measured = sizes(entries)
    found = [*findings(entries), *bytecode(entries)]
    over_mb = measured.over_base_bytes / MB
    if over_base_mb_max is not None and over_mb > over_base_mb_max:
        sentence = f"is {over_mb:.1f} MB over its base; the goal is {over_base_mb_max:.0f}"
        found.append(Finding("size", "/", sentence))
    return found, measured


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("root", type=Path)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument(
        "--no-size-max", action="store_true", help="for the image with a local model"
    )
    given = parser.parse_args()
    try:
        with read_root(given.root) as entries:
            found, measured = check(entries, None if given.no_size_max else OVER_BASE_MB_MAX)
    except (OSError, tarfile.TarError) as error:
        parser.error(f"{given.root} cannot be read: {error}")
    if given.output == "json":
        rows = [asdict(finding) for finding in found]
        print(json.dumps({"findings": rows, "sizes": asdict(measured)}, indent=2))
    else:
        print("\n".join(_lines(found, measured)))
    return 1 if found else 0


def _lines(found: list[Finding], measured: Sizes) -> list[str]:
    lines = [f"{finding.rule:16} {finding.path} {finding.sentence}" for finding in found]
    lines += [f"{size / MB:8.1f} MB  {what}" for what, size in [*measured.by_what.items()][:SHOWN]]
    lines.append(f"{measured.over_base_bytes / MB:8.1f} MB  over its base")
    lines.append(f"{measured.whole_bytes / MB:8.1f} MB  in all")
    return [*lines, f"{len(found)} findings" if found else "Nothing found."]


if __name__ == "__main__":
    sys.exit(main())
