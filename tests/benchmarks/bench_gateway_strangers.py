"""What strangers cost real callers: reads of three callers with no one else there, and beside 200 made-up tokens.

Hex is simulated under its documented limits, in virtual time: seconds here are seconds of waiting for the rate, the
same on every machine. Two of the callers are known, the third is new. The last column is the real time in which one
core of this machine sent a stranger away.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gateway"))

from gateway_world import ALICE, BOB, EVE, World, bearer, opened
from helpers.virtual import LoopClock, in_virtual_time
from test_gateway_strangers import STRANGERS, knocking, p95, stranger

from exporter.simulator.tokens import only

MINUTES = 10
CALLERS = {"known": ALICE, "known too": BOB, "new": EVE}


def main() -> None:
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; {MINUTES} minutes of virtual time")
    in_virtual_time(live)


async def live(clock: LoopClock) -> None:
    print(f"{'strangers':>9} {'caller':<10} {'answered':>9} {'p95':>8}  Hex calls for strangers")
    for count in (0, STRANGERS):
        async with opened(clock, tokens=only(CALLERS.values())) as world:
            for token in (ALICE, BOB):
                await world.client.get("/api/v1/users/me", headers=bearer(token))
            await asyncio.sleep(70)
            with knocking(world, count):
                taken = await asyncio.gather(*(reads(world, token) for token in CALLERS.values()))
            strange = sum(headers["authorization"].split()[1] not in CALLERS.values() for _, _, headers in world.sent)
            for name, seconds in zip(CALLERS, taken, strict=True):
                print(f"{count:>9} {name:<10} {len(seconds):>9} {p95(seconds):>6.1f} s  {strange}")
            if count:
                await sent_away(world)


async def reads(world: World, token: str) -> list[float]:
    """What each answered read of a caller took, one every ten seconds."""
    taken = []
    for number in range(MINUTES * 6):
        began = world.clock.monotonic()
        answer = await world.client.get(f"/api/v1/users?limit={number + 1}", headers=bearer(token))
        if answer.status_code == 200:
            taken.append(world.clock.monotonic() - began)
        await asyncio.sleep(max(0.0, 10 - (world.clock.monotonic() - began)))
    return taken


async def sent_away(world: World) -> None:
    """The real time of a refusal without a question to Hex."""
    token = stranger(999_999)
    await world.client.get("/api/v1/users", headers=bearer(token))
    began, count = time.perf_counter(), 1_000
    for _ in range(count):
        await world.client.get("/api/v1/users", headers=bearer(token))
    print(f"{count / (time.perf_counter() - began):,.0f} refusals a second, the client in the same process")


if __name__ == "__main__":
    main()
