"""The page that shows the admin API."""

from html.parser import HTMLParser

from aiex.node.admin import OPERATIONS, admin_page


class Page(HTMLParser):
    """The texts, links and scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_shows_every_operation_and_loads_nothing_from_elsewhere() -> None:
    page = Page(admin_page("1.0"))
    for operation in OPERATIONS:
        assert operation.path in page.texts
        assert operation.summary in page.texts
    assert page.tags.count("tr") == len(OPERATIONS) + 1
    assert "script" not in page.tags
    assert page.links == ["/openapi.json"]


def test_a_version_is_text_on_the_page_whatever_it_is() -> None:
    page = Page(admin_page("<script>alert(1)</script>"))
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.texts
