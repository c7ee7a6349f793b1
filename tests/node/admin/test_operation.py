"""Operations, made of the methods that say how they are reached."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from aiex.node.admin.operation import Operation, operation, operations_of
from aiex.node.admin.operations import OPERATIONS


class Clocks:
    def __init__(self) -> None:
        self.seen: list[Request] = []

    @operation("POST", "/clocks", "Make one.", dict, takes=list, status=201)
    async def make(self, request: Request) -> Response:
        self.seen.append(request)
        return PlainTextResponse("made")

    async def look(self, _: Request) -> Response:
        return PlainTextResponse("no operation")

    @operation("GET", "/clocks", "All.", needs_token=False)
    async def clocks(self, _: Request) -> Response:
        return PlainTextResponse("all")


def test_a_chapters_operations_are_its_methods_that_say_so_in_their_order() -> None:
    assert operations_of(Clocks) == (
        Operation("make", "POST", "/clocks", "Make one.", dict, list, 201),
        Operation("clocks", "GET", "/clocks", "All.", needs_token=False),
    )


async def test_the_method_stays_what_it_was() -> None:
    clocks, request = Clocks(), Request({"type": "http"})
    assert (await clocks.make(request)).body == b"made"
    assert clocks.seen == [request]


def test_no_two_operations_have_one_name_or_one_way() -> None:
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    assert len({(one.method, one.path) for one in OPERATIONS}) == len(OPERATIONS)
