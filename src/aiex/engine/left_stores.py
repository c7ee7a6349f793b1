"""Stores of foundations that this node serves no more: put aside, so that none comes back.

A server that opened such a store again would bring the Raft of another time into the cluster of
today. The last one is kept under another name, in case somebody needs to look into it.
"""

import shutil

from aiex.engine.seat import Carrier, Client, Seat
from aiex.engine.server_config import EngineFiles

_LEFT = "left-"


def put_left_stores_aside(files: EngineFiles, seat: Seat) -> None:
    """To be called before the seat's server starts. Raises `OSError`."""
    if isinstance(seat, Client) and not seat.carriers:
        return  # it does not know its seat yet, and may get its old one again
    own = None
    if isinstance(seat, Carrier) and seat.others:
        own = files.cluster_store(seat.generation)
    left = [store for store in files.root.glob("cluster-*") if store.is_dir() and store != own]
    if not left:
        return
    for aside in files.root.glob(f"{_LEFT}*"):
        shutil.rmtree(aside)
    for store in left:
        store.rename(store.with_name(_LEFT + store.name))
