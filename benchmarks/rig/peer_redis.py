"""Redis' side of the store benchmark. Run by the Python of an environment with redis-py.

    python peer_redis.py <result file> <port> <writes alone> <in flight> <seconds>

One connection for each write in flight; a row is a SET of its own, answered once it is on the disc.
"""

import sys
from pathlib import Path

import uvloop
from redis.asyncio import BlockingConnectionPool, Redis

from rig.single_writes import key_of, measure_writes, put_down, row_of


async def main(result: Path, port: int, alone: int, in_flight: int, seconds: float) -> None:
    pool = BlockingConnectionPool(host="127.0.0.1", port=port, max_connections=in_flight)
    async with Redis(connection_pool=pool) as redis:

        async def write(number: int) -> None:
            await redis.set(key_of(number), row_of(number))

        found = await measure_writes(write, alone=alone, in_flight=in_flight, seconds=seconds)
        settings = {**await redis.config_get("appendonly"), **await redis.config_get("appendfsync")}
        found["durable"] = ", ".join(f"{name} {value}" for name, value in settings.items())
    await pool.disconnect()
    put_down(result, found)


if __name__ == "__main__":
    file, port, alone, in_flight, seconds = sys.argv[1:]
    uvloop.run(main(Path(file), int(port), int(alone), int(in_flight), float(seconds)))
