"""Is a built root fit to be shipped? Findings in words, sizes beside their goal.

    python3 -m deploy.docker.root_check ROOT        a directory, or the tar of `docker export`
    python3 -m deploy.docker.root_check -o json --base BASE ROOT

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


def check(entries: Entries, base_bytes: int | None) -> tuple[list[Finding], Sizes]:
    """Everything that is wrong with a root, and what it weighs; `base_bytes` of its base if known,
    and if there is a limit to what it may weigh more."""
    measured = sizes(entries)
    found = [*findings(entries), *bytecode(entries)]
    over_mb = (measured.whole_bytes - (base_bytes or 0)) / MB
    if base_bytes is not None and over_mb > OVER_BASE_MB_MAX:
        sentence = f"is {over_mb:.1f} MB over its base; the goal is {OVER_BASE_MB_MAX:.0f}"
        found.append(Finding("size", "/", sentence))
    return found, measured


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("root", type=Path)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("--base", type=Path, help="the base's root, for the size over it")
    parser.add_argument("--no-size-max", action="store_true", help="for the image with a model")
    given = parser.parse_args()
    try:
        base_bytes = _bytes_of(given.base) if given.base else None
        with read_root(given.root) as entries:
            found, measured = check(entries, None if given.no_size_max else base_bytes)
    except (OSError, tarfile.TarError) as error:
        parser.error(f"{given.root} cannot be read: {error}")
    if given.output == "json":
        rows = [asdict(finding) for finding in found]
        figures = {**asdict(measured), "base_bytes": base_bytes}
        print(json.dumps({"findings": rows, "sizes": figures}, indent=2))
    else:
        print("\n".join(_lines(found, measured, base_bytes)))
    return 1 if found else 0


def _bytes_of(root: Path) -> int:
    with read_root(root) as entries:
        return sizes(entries).whole_bytes


def _lines(found: list[Finding], measured: Sizes, base_bytes: int | None) -> list[str]:
    lines = [f"{finding.rule:16} {finding.path} {finding.sentence}" for finding in found]
    figures = [(size, what) for what, size in [*measured.by_what.items()][:SHOWN]]
    figures.append((measured.added_bytes, "that the base does not have"))
    figures.append((measured.whole_bytes, "in all"))
    if base_bytes is not None:
        over = measured.whole_bytes - base_bytes
        figures.append((over, f"over its base; the goal is {OVER_BASE_MB_MAX:.0f}"))
    lines += [f"{size / MB:8.1f} MB  {what}" for size, what in figures]
    return [*lines, f"{len(found)} findings" if found else "Nothing found."]


if __name__ == "__main__":
    sys.exit(main())
