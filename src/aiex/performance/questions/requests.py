"""What may be asked in recon's two shapes, of one node or of all."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind
from aiex.performance.questions.ranking import Ranking

N_MAX = 1000
WINDOW_S_MAX = 120.0


class Rank(Request["Ranking"], frozen=True):
    """Now when `seconds` is 0, else by what it grew within so many seconds."""

    metric: str
    by: str
    n: Annotated[int, Meta(ge=1, le=N_MAX)] = 10
    seconds: Annotated[float, Meta(ge=0, le=WINDOW_S_MAX)] = 0.0


class ListMeasures(Request["MeasureList"], frozen=True):
    pass


class ListedMeasure(msgspec.Struct, frozen=True):
    metric: str
    by: str
    unit: str
    meaning: str


class MeasureList(msgspec.Struct, frozen=True):
    measures: tuple[ListedMeasure, ...]


QUESTION_REQUESTS = (
    RequestKind(
        "rank", Rank, Ranking, "Which have the most of a measure, or grew the most in a window."
    ),
    RequestKind("measures", ListMeasures, MeasureList, "What `rank` can be asked for."),
)
