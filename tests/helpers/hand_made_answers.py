"""Answers of Hex and parts of them, as tests write them by hand."""

import httpx


def refusal(status: int, **headers: str) -> httpx.Response:
    """A refusal."""
    return httpx.Response(status, json={"reason": "no"}, headers=headers)


def listing(*items: object, after: str | None = None) -> httpx.Response:
    """A page of the listing of projects."""
    return httpx.Response(200, json={"values": list(items), "pagination": {"after": after}})


def hourly(minute: int = 0) -> dict:
    """A schedule that fires once an hour."""
    return {"cadence": "HOURLY", "enabled": True, "hourly": {"minute": minute, "timezone": "+00:00"}}
