"""The flame graph's page in Chromium: found, zoomed, compared and read by keys alone."""

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from aiex.performance import Profile
from aiex.performance.formats import FORMATS, Difference
from aiex.testing.browser import Browser, running_browser
from aiex.testing.profiles import hostile_profile, small_profile, wide_profile

pytestmark = pytest.mark.integration
STACK_COUNT = 6_000
PAGE = FORMATS["html"]
CHOSEN = "document.querySelector('#boxes .chosen').getAttribute('aria-label')"
NAMES = "[...document.querySelectorAll('#boxes div')].map(box => box.ariaLabel.split(': total')[0])"
WIDTHS = (
    "Object.fromEntries([...document.querySelectorAll('#boxes div')].map(box =>"
    " [box.ariaLabel.split(': total')[0], Math.round(parseFloat(box.style.width))]))"
)
MATCHES = "document.getElementById('matches').textContent"
type Show = Callable[[Profile | Difference], Browser]


@pytest.fixture(scope="module")
def browser(
    tmp_path_factory: pytest.TempPathFactory, need: Callable[[str, str], str]
) -> Iterator[Browser]:
    with running_browser(need("chromium", "chromium"), tmp_path_factory.mktemp("chromium")) as one:
        yield one


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Opens a page, which may not have a problem by the end of the test."""

    def shown(what: Profile | Difference) -> Browser:
        assert PAGE.write_difference is not None
        page = PAGE.write_difference(what) if isinstance(what, Difference) else PAGE.write(what)
        path = tmp_path / "page.html"
        path.write_bytes(page)
        browser.media()
        browser.open(path.as_uri())
        return browser

    browser.problems.clear()
    yield shown
    assert browser.problems == []
    if directory := os.environ.get("AIEX_PICTURES"):
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split(" ")[0]
        (Path(directory) / f"{name}.png").write_bytes(base64.b64decode(browser.picture()))


def test_boxes_are_as_wide_as_their_share_and_say_what_they_are(show: Show) -> None:
    page = show(small_profile())
    assert page.value(WIDTHS) == {
        "all": 100,
        "pkg.mod:main": 100,
        "pkg.mod:work": 30,  # the inner one, drawn last
        "pkg.mod:leaf": 20,
    }
    label = page.value("document.querySelector('[aria-level=\"3\"]').ariaLabel")
    assert (
        label == "pkg.mod:work: total 70 µs, 70.0% of all, 70.0% of its caller, self 20 µs, 20.0%"
    )


def test_arrows_move_enter_zooms_in_and_escape_goes_back(show: Show) -> None:
    page = show(small_profile())
    page.press("ArrowDown", "ArrowDown")
    assert page.value(CHOSEN).startswith("pkg.mod:work: total 70")
    page.press("Enter", "ArrowDown", "ArrowRight")
    assert page.value(CHOSEN).startswith("pkg.mod:leaf")
    assert page.value(WIDTHS)["pkg.mod:work"] == round(30 / 70 * 100)
    assert page.value("document.getElementById('detail').textContent").startswith("pkg.mod:leaf")
    page.press("Escape")
    assert page.value(CHOSEN).startswith("pkg.mod:work: total 70")
    assert page.value(WIDTHS)["pkg.mod:leaf"] == 20
    page.press("Enter", "Backspace", "ArrowUp")
    assert page.value(CHOSEN).startswith("pkg.mod:main")


def test_a_click_zooms_and_r_shows_everything_again(show: Show) -> None:
    page = show(small_profile())
    page.click('[aria-level="4"]')
    assert page.value("document.querySelectorAll('#boxes .above').length") == 3
    assert not page.value("document.getElementById('tip').hidden")
    page.press("/", "l", "e", "a", "f", "Enter", "r")
    assert page.value("document.querySelectorAll('#boxes .above').length") == 0
    assert page.value(MATCHES) == ""


def test_a_search_by_pattern_tells_the_share_of_what_it_finds(show: Show) -> None:
    page = show(small_profile())
    page.press("/", *"^PKG.*:(work|leaf)$")
    assert page.value(MATCHES) == "70.0% in 2 functions"
    assert page.value("document.querySelectorAll('#boxes .found').length") == 3
    page.press("Enter")
    assert page.value(CHOSEN).startswith("pkg.mod:work")
    page.press("n", "n")
    assert page.value(CHOSEN).startswith("pkg.mod:leaf")
    page.press("/", *"(")
    assert page.value("document.getElementById('search').classList.contains('wrong')")
    assert page.value(MATCHES) == "nothing found"


def test_a_filter_leaves_the_samples_of_one_label(show: Show) -> None:
    page = show(small_profile())
    page.value(
        "(() => { const select = document.querySelector('#filters select');"
        "select.value = '2'; select.onchange(); })()"
    )
    assert set(page.value(NAMES)) >= {"all", "pkg.mod:main"}
    assert page.value("document.querySelectorAll('#filters select').length") == 2
    assert page.value("document.getElementById('about').textContent").startswith("50 µs")


def test_callers_can_be_at_the_bottom(show: Show) -> None:
    page = show(small_profile())
    tops = "[...document.querySelectorAll('#boxes div')].map(box => parseInt(box.style.top))"
    downwards = page.value(tops)
    page.press("i")
    assert page.value(tops) == [max(downwards) - top for top in downwards]
    page.press("ArrowUp")
    assert page.value(CHOSEN).startswith("pkg.mod:main")


def test_bottom_up_shows_what_took_it_and_then_who_called_that(show: Show) -> None:
    page = show(small_profile())
    page.press("b")
    first = "[...document.querySelectorAll('[aria-level=\"2\"]')].map(box => box.ariaLabel)"
    assert page.value(first) == [
        "pkg.mod:work: self 50 µs, 50.0% of all",
        "pkg.mod:main: self 30 µs, 30.0% of all",
        "pkg.mod:leaf: self 20 µs, 20.0% of all",
    ]
    page.press("ArrowDown", "ArrowDown")
    assert page.value(CHOSEN) == "pkg.mod:work: of it from here 30 µs, 30.0% of all"
    page.press("t")
    assert page.value("document.querySelector('tbody tr').innerText").split()[4:6] == ["70", "µs"]


def test_memory_is_shown_bottom_up_at_first(show: Show) -> None:
    page = show(msgspec.structs.replace(small_profile(), kind="memory"))
    assert page.value("document.getElementById('over').ariaPressed") == "true"
    assert page.value(NAMES)[1] == "pkg.mod:work: self 50 B, 50.0% of all"


def test_functions_are_listed_and_lead_back_to_the_graph(show: Show) -> None:
    page = show(small_profile())
    page.press("t")
    rows = page.value("[...document.querySelectorAll('tbody tr')].map(row => row.innerText)")
    assert [row.split()[0] for row in rows] == ["pkg.mod:work", "pkg.mod:main", "pkg.mod:leaf"]
    assert rows[0].split()[1:] == ["50", "µs", "50.0%", "70", "µs", "70.0%"]
    page.click("tbody tr:last-child button")
    assert page.value(CHOSEN).startswith("pkg.mod:leaf")
    assert page.value(MATCHES) == "20.0% in 1 function"


def test_keys_are_told_and_escape_closes_them(show: Show) -> None:
    page = show(small_profile())
    page.press("?")
    assert page.value("document.getElementById('keys').open")
    page.press("Escape")
    assert not page.value("document.getElementById('keys').open")


def test_what_grew_and_what_shrank_differ_in_colour_and_in_words(show: Show) -> None:
    before, after = small_profile(2, seconds=10), wider_main(small_profile(1, seconds=10))
    page = show(Difference(before, after, "seconds"))
    text = page.value("document.querySelector('[aria-level=\"2\"]').textContent")
    assert text.startswith("▲+80.2% main")
    inner = page.value("document.querySelector('[aria-level=\"3\"]').ariaLabel")
    assert "before 140 µs, changed by −70 µs, −50.0% of itself" in inner
    colours = page.value(
        '[2, 3].map(level => document.querySelector(`[aria-level="${level}"]`)'
        ".style.getPropertyValue('--c'))"
    )
    assert colours == ["var(--grew)", "var(--shrank)"]
    assert "as if both had looked equally long" in page.value(
        "document.getElementById('legend').textContent"
    )


def wider_main(profile: Profile) -> Profile:
    """The same with 940 in `main` itself, where it had 30."""
    first = [profile.frames[place].function for place in profile.samples[3].stack]
    assert first == ["pkg.mod:main"]
    more = msgspec.structs.replace(profile.samples[3], weight=940)
    return msgspec.structs.replace(profile, samples=(*profile.samples[:3], more))


def test_hostile_names_are_only_text(show: Show) -> None:
    page = show(hostile_profile())
    assert page.value("document.title") == "CPU profile"
    assert page.value("document.images.length") == 0
    assert "</script><script>document.title = 'taken over'</script>" in page.value(NAMES)


def test_of_six_thousand_stacks_only_what_can_be_seen_is_drawn(show: Show) -> None:
    page = show(wide_profile(STACK_COUNT))
    drawn = page.value("document.querySelectorAll('#boxes div').length")
    assert 200 < drawn < 5_000
    assert (
        page.value(
            "(() => { let n = 0; const go = one => { n++; one.sorted.forEach(go); };"
            "go(root); return n; })()"
        )
        > STACK_COUNT
    )


def test_it_is_dark_where_the_system_is_and_light_on_paper(show: Show) -> None:
    page = show(small_profile())
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.value(paper) == "rgb(255, 255, 255)"
    page.media(scheme="dark")
    assert page.value(paper) == "rgb(21, 23, 26)"
    page.media(scheme="dark", medium="print")
    assert page.value(paper) == "rgb(255, 255, 255)"
    assert page.value("getComputedStyle(document.getElementById('tools')).display") == "none"
