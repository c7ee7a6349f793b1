"""How many files the process may have open: raised to what the system allows, told when too few."""

import resource

# Each request in flight has two connections, the client's and the provider's; listeners, the
# engine, logs and pooled idle connections to providers take some more.
SPARE = 256


def files_needed(*, connections_max: int, in_flight_max: int) -> int:
    """Files open when the node is as busy as its settings allow."""
    return connections_max + in_flight_max + SPARE


def shortage(limit: int, *, connections_max: int, in_flight_max: int) -> str:
    """What to say of a limit that is too low for the settings; nothing when it is not."""
    needed = files_needed(connections_max=connections_max, in_flight_max=in_flight_max)
    if limit >= needed:
        return ""
    return (
        f"the system allows {limit:,} open files, and {needed:,} are needed for "
        f"api.connections_max {connections_max:,} and api.in_flight_max {in_flight_max:,}: beyond, "
        "connections fail. Raise the hard limit (ulimit -Hn, LimitNOFILE) or lower the settings"
    )


def raise_open_files() -> int:
    """Raise the process's soft limit to its hard limit; what the limit is afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS says "unlimited" and means less
            return soft
    return hard if hard != resource.RLIM_INFINITY else 2**31
