"""Two questions for every measure: what is the most now, and what grew the most in a window."""

from aiex.performance.questions.measure import Counted, Measure
from aiex.performance.questions.questions import Questions
from aiex.performance.questions.ranking import Ranked, Ranking, top, window
from aiex.performance.questions.requests import (
    N_MAX,
    QUESTION_REQUESTS,
    WINDOW_S_MAX,
    ListedMeasure,
    ListMeasures,
    MeasureList,
    Rank,
)

__all__ = [
    "N_MAX",
    "QUESTION_REQUESTS",
    "WINDOW_S_MAX",
    "Counted",
    "ListMeasures",
    "ListedMeasure",
    "Measure",
    "MeasureList",
    "Questions",
    "Rank",
    "Ranked",
    "Ranking",
    "top",
    "window",
]
