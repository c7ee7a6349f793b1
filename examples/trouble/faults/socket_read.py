"""Reads from a slow peer with a socket that blocks."""

import asyncio
import socket
import threading
import time
from pathlib import Path

from aiex.service import Ready

ANSWER_BYTES = 16


class SocketReader:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        own, peer = socket.socketpair()
        answering = threading.Thread(target=self.answer_slowly, args=(peer,), daemon=True)
        answering.start()
        ready()
        try:
            while True:
                await asyncio.sleep(self._every_s)
                self.ask_peer(own)
        finally:
            own.close()  # which ends the thread, too

    def ask_peer(self, own: socket.socket) -> bytes:
        own.sendall(b"?" * ANSWER_BYTES)
        return own.recv(ANSWER_BYTES)

    def answer_slowly(self, peer: socket.socket) -> None:
        with peer:
            while asked := peer.recv(ANSWER_BYTES):
                time.sleep(self._hold_s)
                peer.sendall(asked)
