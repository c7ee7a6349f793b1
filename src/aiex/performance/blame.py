"""Who is to blame of the calls of a stack: whose code it is decides, by the files it is in.

Python's own library is slow because of who calls it, and so is an installed package: a client of
some database waits where it was told to. The node's own code is nobody's package.
"""

from collections.abc import Callable, Sequence

from aiex.performance.profile import Frame

OWN_MODULES = "aiex."


def is_of_python(file: str) -> bool:
    """Whether the file belongs to Python itself."""
    return file.startswith("<frozen") or ("/lib/python3" in file and not is_installed(file))


def is_installed(file: str) -> bool:
    """Whether somebody's package manager put it there."""
    return "/site-packages/" in file or "/dist-packages/" in file


def place_to_blame(stack: Sequence[Frame], is_nobodys: Callable[[Frame], bool]) -> int | None:
    """The place of the innermost call that is somebody's; of one in a package, of who called it.

    None where all are nobody's. A package that nobody outside of one has called is to blame itself:
    services may be installed too.
    """
    places = [place for place, one in enumerate(stack) if not is_nobodys(one)]
    if not places or not _is_of_package(stack[places[-1]]):
        return places[-1] if places else None
    callers = [place for place in places if _is_of_site(stack[place])]
    return callers[-1] if callers else places[-1]


def _is_of_package(frame: Frame) -> bool:
    return is_installed(frame.file) and not frame.function.startswith(OWN_MODULES)


def _is_of_site(frame: Frame) -> bool:
    """Whether it is the code of who runs the node."""
    return not is_installed(frame.file) and not frame.function.startswith(OWN_MODULES)
