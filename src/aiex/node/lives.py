"""Lives of nodes, by names that their claims carry: a node that starts again is another one."""

from aiex.cluster import GONE, View


def life_of(name: str, incarnation: int) -> str:
    """How the life is called that a node has in this incarnation."""
    return f"{name}/{incarnation}"


def is_over(life: str, view: View) -> bool:
    """Whether the members know that it ended; one that nobody knows may just have begun."""
    name, _, incarnation = life.rpartition("/")
    for member in view.members:
        if member.name == name:
            is_earlier = member.incarnation > int(incarnation)
            return is_earlier or (member.incarnation == int(incarnation) and member.state in GONE)
    return False
