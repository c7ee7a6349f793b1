"""The table of rules in docs/internals/chart-checks.md, made of the catalogues."""

from collections.abc import Iterator

from scripts.chart.policy import CATALOGUES, Rule, Skip
from scripts.chart.tools import ROOT

FILE = ROOT / "docs" / "internals" / "chart-checks.md"
_BEGIN = "<!-- The rest is made by `make reference` from scripts/chart/policy. -->\n"


def page() -> str:
    """The page with its table as the catalogues have it; what people wrote above is kept."""
    written = FILE.read_text().partition(_BEGIN)[0]
    return written + _BEGIN + "\n" + "\n".join(_tables()).rstrip() + "\n"


def _tables() -> Iterator[str]:
    for catalogue in CATALOGUES:
        yield from (f"## {catalogue.name}", "", f"From {catalogue.source}.", "")
        yield from ("| rule | here |", "|---|---|")
        for one in catalogue.entries:
            yield f"| `{one.name}` | {_told(one)} |"
        yield ""


def _told(one: Rule | Skip) -> str:
    if isinstance(one, Skip):
        return f"skipped: {one.reason}"
    spared = [f"not for `{component}`: {why}" for component, why in one.spared.items()]
    return "; ".join(["checked", *([one.differs] if one.differs else []), *spared])


def faults() -> Iterator[str]:
    if FILE.read_text() != page():
        yield f"{FILE.relative_to(ROOT)} is not what the catalogues say. Run `make reference`."
