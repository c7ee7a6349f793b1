"""`python -m scripts.chart`: every check; `--write` renews what is made of the chart instead."""

import argparse
import sys

from scripts.chart import manifests, readme, rules_page
from scripts.chart.check import Chart, told
from scripts.chart.tools import CHART, ROOT


def write() -> None:
    """Renew the chart's README, the table of rules and the plain manifests."""
    pages = {CHART / "README.md": readme.page(), rules_page.FILE: rules_page.page()}
    for file, text in {**pages, **manifests.pages()}.items():
        if not file.is_file() or file.read_text() != text:
            file.write_text(text)
            print(f"wrote {file.relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts.chart", description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew what is made of the chart")
    if parser.parse_args().write:
        write()
        return
    if failed := told(Chart().steps(), print):
        sys.exit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
