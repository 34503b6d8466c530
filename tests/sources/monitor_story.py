"""A story of sources, lived through on one event loop."""

import asyncio

from source_world import World

PER_PROJECT = "https://data.example/of/{project_id}"


def states(world):
    return world.known.sources.states()


def live(clock, story, *sources):
    """Live through a story of a world with these sources, on one event loop."""

    async def within():
        world = World(clock, *sources)
        await story(world)
        await world.monitor.aclose()

    asyncio.run(within())


def above_debug(logs):
    return [one for one in logs if one["log_level"] != "debug"]
