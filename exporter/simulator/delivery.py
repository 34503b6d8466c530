"""Sending an answer over ASGI, rightly or as a fault wants it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import Send

from exporter.clock import Clock
from exporter.simulator.faults import Fault

_CHUNK = b" " * 65_536


async def deliver(
    send: Send, status: int, headers: Mapping[str, str], body: bytes, faults: Mapping[str, Fault], clock: Clock
) -> None:
    """Send one answer. `faults` by kind may halve it, let it drip or pad it."""
    padding = faults["huge"].size_bytes if "huge" in faults else 0
    lines = {**headers, "content-length": str(len(body) + padding)}
    if status == 204:
        del lines["content-length"]
    if _is_dated(send):
        lines.pop("Date", None)
    encoded = [(name.lower().encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})

    if "truncation" in faults:
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await hang_up(send, abruptly=False)
        return
    if "drip" in faults:
        for byte in body:
            await send({"type": "http.response.body", "body": bytes((byte,)), "more_body": True})
            await clock.sleep(faults["drip"].seconds)
        body = b""
    # JSON may be followed by white space: the padded answer stays readable for those who read it whole.
    while padding > 0:
        await send({"type": "http.response.body", "body": body + _CHUNK[:padding], "more_body": True})
        padding, body = padding - len(_CHUNK), b""
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def hang_up(send: Send, *, abruptly: bool) -> None:
    """Close the connection in the middle of an answer.

    Over a socket what was sent still leaves, unless abruptly. In a test without sockets the body just ends, or a
    ConnectionResetError reaches the caller.
    """
    transport = _transport(send)
    if transport is None:
        if abruptly:
            raise ConnectionResetError("the simulator broke the connection off, as requested")
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    if abruptly:
        transport.abort()
    else:
        transport.close()
    # The server learns of the end in its own callback; an answer without an end would be logged before it.
    while not _is_over(send):  # noqa: ASYNC110 - the end is in uvicorn's hands, which offers no event for it
        await asyncio.sleep(0)


def _transport(send: Send) -> asyncio.Transport | None:
    # ASGI has no word for hanging up; uvicorn's `send` is a method of the object that holds the socket.
    cycle: Any = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    return transport if isinstance(transport, asyncio.Transport) else None


def _is_dated(send: Send) -> bool:
    """Whether the server dates answers itself; two dates would be none."""
    cycle: Any = getattr(send, "__self__", None)
    return any(name.lower() == b"date" for name, _ in getattr(cycle, "default_headers", ()))


def _is_over(send: Send) -> bool:
    cycle: Any = getattr(send, "__self__", None)
    return bool(getattr(cycle, "disconnected", True))
