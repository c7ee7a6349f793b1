"""The guides about Kubernetes, and those that speak of it."""

from pathlib import Path

from tests.docs.pages import ROOT, Block, blocks_of

GUIDES = ROOT / "docs" / "guides"


def guides() -> list[Path]:
    also = ("backup-and-restore.md", "threat-model.md")
    return [*sorted(GUIDES.glob("kubernetes*.md")), *(GUIDES / name for name in also)]


def blocks() -> list[Block]:
    return [block for guide in guides() for block in blocks_of(guide.name, guide.read_text())]
