"""PostgreSQL's side of the store benchmark. Run by the Python of an environment with asyncpg.

    python peer_postgres.py <result file> <port> <writes alone> <in flight> <seconds>

One connection for each write in flight, as a pool gives them; a row is an INSERT of its own,
committed by itself.
"""

import sys
from pathlib import Path

import asyncpg
import uvloop

from rig.single_writes import key_of, measure_writes, put_down, row_of

TABLE = "CREATE TABLE notes (key text PRIMARY KEY, row text NOT NULL)"
DURABLE = ("fsync", "synchronous_commit")
INSERT = "INSERT INTO notes VALUES ($1, $2)"


async def main(result: Path, port: int, alone: int, in_flight: int, seconds: float) -> None:
    pool = await asyncpg.create_pool(
        host="127.0.0.1",
        port=port,
        user="postgres",
        database="postgres",
        min_size=in_flight,
        max_size=in_flight,
    )
    async with pool:
        await pool.execute(TABLE)

        async def write(number: int) -> None:
            await pool.execute(INSERT, key_of(number), row_of(number))

        found = await measure_writes(write, alone=alone, in_flight=in_flight, seconds=seconds)
        settings = [f"{name} {await pool.fetchval(f'SHOW {name}')}" for name in DURABLE]
        found["durable"] = ", ".join(settings)
    put_down(result, found)


if __name__ == "__main__":
    file, port, alone, in_flight, seconds = sys.argv[1:]
    uvloop.run(main(Path(file), int(port), int(alone), int(in_flight), float(seconds)))
