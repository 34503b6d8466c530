"""A client of Hex with everything around it that a test looks at."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from exporter.hexapi import ApiRequest, Endpoint, Exchange, HexClient, Pace, Page, TokenSource

BASE = "https://app.hex.tech/api/v1"

TOKEN = "hxtw_" + "0123456789abcdef" * 6

GROUPS, PROJECTS = ApiRequest(Endpoint.GROUPS), ApiRequest(Endpoint.PROJECTS)

NO_GROUPS = {"values": [], "pagination": {"after": None}}


class Door:
    """A client with everything around it that a test looks at."""

    def __init__(self, clock: Any, **settings: Any) -> None:
        self.clock = clock
        self.exchanges: list[Exchange] = []
        self.cool_downs: list[int] = []
        self.pace = Pace(
            per_minute=30,
            per_hour=1800,
            share=1,
            clock=clock,
            rng=random.Random(1),
            on_cool_down=self.cool_downs.append,
        )
        self._settings = {"base_url": BASE, "token": TokenSource(value=TOKEN), **settings}

    def fetch(self, *requests: ApiRequest) -> list[Page]:
        """The pages, fetched one after the other by one client."""

        async def each(client: HexClient) -> list[Page]:
            return [await client.fetch(one) for one in requests]

        return self.run(each)

    def run(self, use: Callable[[HexClient], Coroutine[Any, Any, Any]]) -> Any:
        async def whole() -> Any:
            client = HexClient(pace=self.pace, clock=self.clock, observe=self.exchanges.append, **self._settings)
            try:
                return await use(client)
            finally:
                await client.aclose()

        return asyncio.run(whole())

    @property
    def codes(self) -> list[str]:
        return [exchange.code for exchange in self.exchanges]
