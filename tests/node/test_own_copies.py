"""A node's views as others ask about them."""

from aiex.cluster import Caller, DescribeCopies, VerifyCopies
from aiex.errors import StoreUnavailable
from aiex.node.own_copies import OwnCopies
from aiex.store import Verification, ViewState
from aiex.store.view_snapshot import FragmentVerdict

CALLER = Caller("n2", 1, 11.0, "")


class _Views:
    def __init__(self) -> None:
        self.deadlines_s: list[float] = []
        self.error = ""

    def states(self) -> list[ViewState]:
        def state(table: str, *, is_complete: bool, is_stale: bool) -> ViewState:
            return ViewState(table, is_complete, is_stale, 0.0, 0.0, (3, 4), 100, "x" * 600)

        return [
            state("a", is_complete=True, is_stale=False),
            state("b", is_complete=True, is_stale=True),
            state("c", is_complete=False, is_stale=True),
        ]

    async def verify(self, table: str, *, deadline_s: float) -> Verification:
        self.deadlines_s.append(deadline_s)
        if self.error:
            raise StoreUnavailable(self.error)
        verdicts = (
            FragmentVerdict(0, 5, 1, 0, 0, 0, ("missing: ('a',)",)),
            FragmentVerdict(1, 6, 0, 2, 3, 0, ()),
        )
        return Verification(table, verdicts, ("a page",), 0.1)


async def test_each_view_is_complete_stale_or_catching_up() -> None:
    described = await OwnCopies(_Views()).described(DescribeCopies(), CALLER)
    assert [(one.table, one.state) for one in described.copies] == [
        ("a", "complete"),
        ("b", "stale"),
        ("c", "catching up"),
    ]
    assert len(described.copies[0].trouble) == 512


async def test_what_differs_in_the_fragments_is_summed_up() -> None:
    verified = await OwnCopies(_Views()).verified(VerifyCopies(("a",)), CALLER)
    [one] = verified.copies
    assert (one.rows, one.missing, one.extra, one.different) == (11, 1, 2, 3)
    assert (one.examples, one.damages) == (("missing: ('a',)",), ("a page",))


async def test_the_time_the_caller_has_is_shared_by_the_tables() -> None:
    views = _Views()
    await OwnCopies(views).verified(VerifyCopies(("a", "b", "no table of this node")), CALLER)
    assert views.deadlines_s == [5.0, 5.0]


async def test_what_cannot_be_compared_is_a_trouble_and_no_difference() -> None:
    views = _Views()
    views.error = "The view of a is not complete yet."
    verified = await OwnCopies(views).verified(VerifyCopies(("a",)), CALLER)
    assert verified.copies[0].trouble == views.error
