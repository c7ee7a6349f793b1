"""The strict reader of metrics refuses what a scraper would refuse."""

import pytest

from aiex.testing.prometheus_text import metric_families

HEADING = "# HELP a A.\n# TYPE a counter\n"
HISTOGRAM = "# HELP h H.\n# TYPE h histogram\n"


def test_a_scrape_is_read_with_its_labels_unescaped() -> None:
    families = metric_families(f'{HEADING}a{{x="q\\"\\\\\\n",y=""}} 2\na 1\n'.encode())
    assert families["a"].value(x='q"\\\n', y="") == 2
    assert families["a"].value() == 1


@pytest.mark.parametrize(
    "text",
    [
        "a 1\n",
        f"{HEADING}a 1",
        f"{HEADING}a 1\na 1\n",
        f"{HEADING}b 1\n",
        f"{HEADING}a one\n",
        f'{HEADING}a{{x="\\x"}} 1\n',
        f'{HEADING}a{{x="1" y="2"}} 1\n',
        f"{HEADING}a 1\n{HEADING}a 2\n",
        f"{HEADING}\n",
        "# TYPE a counter\na 1\n",
        f'{HISTOGRAM}h_bucket{{le="1"}} 1\nh_sum 1\nh_count 1\n',
        f'{HISTOGRAM}h_bucket{{le="1"}} 2\nh_bucket{{le="+Inf"}} 1\nh_sum 1\nh_count 1\n',
        f'{HISTOGRAM}h_bucket{{le="+Inf"}} 1\nh_sum 1\nh_count 2\n',
        f'{HISTOGRAM}h_bucket{{le="+Inf"}} 1\nh_count 1\n',
    ],
)
def test_what_a_scraper_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        metric_families(text.encode())
